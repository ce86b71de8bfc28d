package ingest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"chordconductor/internal/reload"
)

// A Target is where a signal is forwarded to.
type Target struct {
	// Endpoint is HOST:PORT or grpc://HOST:PORT for OTLP over gRPC, grpcs://HOST:PORT for OTLP over gRPC and TLS, or an
	// http:// or https:// URL for OTLP over HTTP, with /v1/SIGNAL at its end or not. Empty: the signal is not
	// forwarded.
	Endpoint string
	// Headers are sent with each request: NAME=VALUE, where a last word @FILE of VALUE stands for the file's content.
	Headers []string
	// Authority is the name of the target in requests and, over TLS, in its certificate. Empty: Endpoint's host.
	Authority string
	// CAFile verifies the target's certificate; empty: the system's CA certificates do. CertFile and KeyFile are the
	// client's certificate: both are set or neither.
	CAFile, CertFile, KeyFile string
}

// A destination is a validated Target.
type destination struct {
	signal    string // traces, metrics or logs
	url       string // for the exporters: for gRPC without a path; https means over TLS
	overHTTP  bool
	authority string
	headers   *reload.Value[[]header]
	tls       *reload.Value[*tls.Config] // nil: without
	tally     *tally
	transport *http.Transport // of an exporter over HTTP; nil until it starts
}

// The ports that IANA has registered for the two protocols. Using one port for the other protocol is the usual mistake.
const (
	grpcPort = "4317"
	httpPort = "4318"
)

// check validates a target. It returns nil if the signal is not forwarded. Errors name the flag, and contain no
// header's value.
func (t Target) check(signal string, cfg Config) (*destination, error) {
	flag := "--forward-" + signal
	if t.Endpoint == "" {
		for _, part := range []struct {
			name string
			set  bool
		}{
			{"header", len(t.Headers) > 0}, {"authority", t.Authority != ""}, {"ca", t.CAFile != ""}, {"cert", t.CertFile != ""}, {"key", t.KeyFile != ""},
		} {
			if part.set {
				return nil, fmt.Errorf("%s-%s has no effect without a target: set %s too", flag, part.name, flag)
			}
		}
		return nil, nil
	}
	u, err := t.parse()
	if err != nil {
		return nil, fmt.Errorf("%s %q: %w", flag, t.Endpoint, err)
	}
	for _, own := range []struct{ flag, address string }{{"--otlp-grpc", cfg.GRPC}, {"--otlp-http", cfg.HTTP}} {
		if isOwn(u, own.address) {
			return nil, fmt.Errorf("%s %q: the target is this conductor's own port (%s), so all telemetry would be received again", flag, t.Endpoint, own.flag)
		}
	}
	d := &destination{signal: signal, overHTTP: strings.HasPrefix(u.Scheme, "http"), authority: t.Authority, tally: &tally{}}
	secure := strings.HasSuffix(u.Scheme, "s")
	if d.overHTTP {
		suffix := "/v1/" + signal
		u.Path = strings.TrimSuffix(u.Path, "/")
		if !strings.HasSuffix(u.Path, suffix) {
			u.Path += suffix
		}
	} else {
		u.Path = ""
		u.Scheme = map[bool]string{false: "http", true: "https"}[secure]
	}
	d.url = u.String()
	if t.Authority != "" && !isAuthority(t.Authority) {
		return nil, fmt.Errorf("%s-authority %q: expected HOST or HOST:PORT", flag, t.Authority)
	}
	if d.headers, err = newHeaders(flag+"-header", t.Headers, cfg); err != nil {
		return nil, err
	}
	if d.tls, err = t.newTLS(flag, secure, d.overHTTP, cfg.Logger); err != nil {
		return nil, err
	}
	return d, nil
}

// parse returns the endpoint as a URL.
func (t Target) parse() (*url.URL, error) {
	want := errors.New("expected HOST:PORT or grpc://HOST:PORT for OTLP over gRPC, grpcs:// for that over TLS, or the http:// or https:// URL for OTLP over HTTP")
	text := t.Endpoint
	if !strings.Contains(text, "://") {
		text = "grpc://" + text
	}
	u, err := url.Parse(text)
	if err != nil || !hasHost(u) || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return nil, want
	}
	noPath := strings.Trim(u.Path, "/") == ""
	switch u.Scheme {
	case "grpc", "grpcs":
		if !noPath {
			return nil, want
		}
		if u.Port() == "" {
			u.Host = net.JoinHostPort(u.Hostname(), grpcPort)
		}
		if u.Port() == httpPort {
			return nil, fmt.Errorf("port %s is usually OTLP over HTTP: write http://%s", httpPort, u.Host)
		}
	case "http", "https":
		if u.Port() == grpcPort && noPath {
			return nil, fmt.Errorf("port %s is usually OTLP over gRPC: for that write %s://%s; if the target takes OTLP over HTTP, add its path, such as /v1/logs", grpcPort, strings.Replace(u.Scheme, "http", "grpc", 1), u.Host)
		}
	default:
		return nil, want
	}
	return u, nil
}

// hasHost reports whether the host of u has the form HOST or HOST:PORT. An IP address with colons must be in brackets.
func hasHost(u *url.URL) bool {
	name := u.Hostname()
	if name == "" || strings.ContainsAny(name, " \t") || strings.HasSuffix(u.Host, ":") || strings.Contains(name, ":") != strings.HasPrefix(u.Host, "[") {
		return false
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	return u.Port() == "" || err == nil && port > 0
}

func isAuthority(text string) bool {
	u, err := url.Parse("x://" + text)
	return err == nil && u.Host == text && hasHost(u)
}

// isOwn reports whether target names address, one of the conductor's own listen addresses.
func isOwn(target *url.URL, address string) bool {
	host, port, err := net.SplitHostPort(address)
	if err != nil || port == "0" || target.Port() != port {
		return false
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		return local("http://" + target.Host)
	}
	if target.Hostname() == host {
		return true
	}
	return local("http://"+target.Host) && local("http://"+address) && (host == "localhost" || target.Hostname() == "localhost")
}

// newTLS loads the files of a connection over TLS, and loads them again whenever they change. It returns nil if the
// connection is not over TLS.
func (t Target) newTLS(flag string, secure, overHTTP bool, log *slog.Logger) (*reload.Value[*tls.Config], error) {
	files := []string{}
	for _, file := range []struct{ suffix, path string }{{"-ca", t.CAFile}, {"-cert", t.CertFile}, {"-key", t.KeyFile}} {
		if file.path == "" {
			continue
		}
		if !secure {
			return nil, fmt.Errorf("%s%s: %q is not over TLS: write grpcs:// or https://", flag, file.suffix, t.Endpoint)
		}
		files = append(files, file.path)
	}
	if (t.CertFile == "") != (t.KeyFile == "") {
		return nil, fmt.Errorf("%s-cert and %s-key must be set together, or neither", flag, flag)
	}
	if !secure {
		return nil, nil
	}
	failed := func(err error) {
		log.Error("cannot use the changed certificates for a forwarding target; the previous ones stay in use", "error", err)
	}
	return reload.New(failed, func() (*tls.Config, error) {
		cfg := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: (&url.URL{Host: t.Authority}).Hostname()}
		if overHTTP {
			cfg.NextProtos = []string{"h2", "http/1.1"}
		}
		if t.CAFile != "" {
			pem, err := reload.ReadFile(t.CAFile)
			if err != nil {
				return nil, fmt.Errorf("%s-ca: cannot read the file: %w", flag, err)
			}
			cfg.RootCAs = x509.NewCertPool()
			if !cfg.RootCAs.AppendCertsFromPEM(pem) {
				return nil, fmt.Errorf("%s-ca: %s: no certificate in PEM form", flag, t.CAFile)
			}
		}
		if t.CertFile != "" {
			pair, err := reload.LoadPair(t.CertFile, t.KeyFile)
			if err != nil {
				return nil, fmt.Errorf("%s-cert and %s-key: cannot load the certificate and its key: %w", flag, flag, err)
			}
			cfg.Certificates = []tls.Certificate{pair}
		}
		return cfg, nil
	}, files...)
}

// dial connects over TLS with the present content of the files.
func (d *destination) dial(ctx context.Context, network, address string) (net.Conn, error) {
	return (&tls.Dialer{Config: d.tls.Get()}).DialContext(ctx, network, address)
}
