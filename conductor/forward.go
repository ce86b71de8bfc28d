package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"chordconductor/conductor/ingest"
	"chordconductor/internal/redact"
)

// A forward is the target of one signal, as the flags and the environment set it.
type forward struct {
	signal, what string
	target       *ingest.Target
}

func (o *options) forwards() []forward {
	return []forward{
		{"traces", "traces are forwarded to (Jaeger)", &o.ingest.ForwardTraces},
		{"metrics", "metrics are forwarded to (Prometheus)", &o.ingest.ForwardMetrics},
		{"logs", "all log records are forwarded to (a Collector)", &o.ingest.ForwardLogs},
	}
}

// variable returns the environment variable with headers for a signal's target: no secret then needs to be among the
// arguments of a program.
func (f forward) variable() string { return "CHORD_FORWARD_" + strings.ToUpper(f.signal) + "_HEADERS" }

// forwardFlags adds the same flags for each signal.
func (o *options) forwardFlags(flags *pflag.FlagSet) {
	for _, f := range o.forwards() {
		name := "forward-" + f.signal
		flags.StringVar(&f.target.Endpoint, name, "", "`endpoint` that "+f.what+": HOST:PORT or grpc:// for OTLP over gRPC (grpcs:// over TLS), http:// or https:// for OTLP over HTTP")
		flags.StringArrayVar(&f.target.Headers, name+"-header", nil, "`NAME=VALUE` to send with them; a last word @FILE of VALUE is read from that file (repeatable; also $"+f.variable()+")")
		flags.StringVar(&f.target.Authority, name+"-authority", "", "`name` of that endpoint in requests and in its certificate (default: its host)")
		flags.StringVar(&f.target.CAFile, name+"-ca", "", "`file` with the CA (PEM) of its certificate (default: the system's)")
		flags.StringVar(&f.target.CertFile, name+"-cert", "", "`file` with the conductor's certificate (PEM) for it")
		flags.StringVar(&f.target.KeyFile, name+"-key", "", "`file` with the certificate's key (PEM)")
	}
}

// addHeaders adds the headers of the environment to those of the flags. Headers of the flags take precedence.
func (o *options) addHeaders() error {
	for _, f := range o.forwards() {
		list := os.Getenv(f.variable())
		if list == "" || f.target.Endpoint == "" {
			continue // a variable may be set for all programs of a machine
		}
		headers, err := readHeaders(list)
		if err != nil {
			return fmt.Errorf("%s: %w", f.variable(), err)
		}
		for _, h := range headers {
			name, _, _ := strings.Cut(h, "=")
			if !slices.ContainsFunc(f.target.Headers, func(other string) bool {
				o, _, _ := strings.Cut(other, "=")
				return strings.EqualFold(strings.TrimSpace(o), name)
			}) {
				f.target.Headers = append(f.target.Headers, h)
			}
		}
	}
	return nil
}

// readHeaders reads NAME=VALUE with commas between, values percent-encoded, as in OTEL_EXPORTER_OTLP_HEADERS. Its
// errors show no value.
func readHeaders(list string) (headers []string, err error) {
	for pair := range strings.SplitSeq(list, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		name, value, found := strings.Cut(pair, "=")
		name = strings.TrimSpace(name)
		if !found || name == "" {
			return nil, errors.New("expected NAME=VALUE, with commas between")
		}
		if value, err = url.PathUnescape(strings.TrimSpace(value)); err != nil {
			return nil, fmt.Errorf("%s=…: the value is not correctly percent-encoded", name)
		}
		headers = append(headers, name+"="+value)
	}
	return headers, nil
}

// addForwardSecrets registers the secrets of the targets' headers and endpoints for redaction.
func addForwardSecrets(r *redact.Redactor, flags *pflag.FlagSet) {
	for _, f := range new(options).forwards() {
		if endpoint := flags.Lookup("forward-" + f.signal); endpoint != nil {
			r.AddURL(endpoint.Value.String())
		}
		if headers := flags.Lookup("forward-" + f.signal + "-header"); headers != nil {
			for _, h := range headers.Value.(pflag.SliceValue).GetSlice() {
				r.AddHeaders(h)
			}
		}
		r.AddHeaders(os.Getenv(f.variable()))
	}
}
