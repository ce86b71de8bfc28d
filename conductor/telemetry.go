package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"

	"go.opentelemetry.io/otel/metric"

	"chordconductor/conductor/ingest"
	"chordconductor/conductor/lab/deploy/local"
	"chordconductor/internal/reload"
	"chordconductor/internal/version"
	"chordconductor/otel"
)

// ownTelemetry has the conductor's own metrics. They go where the OTEL_* variables direct them (to be scraped, among
// others), or else, if metrics are forwarded at all, into the conductor's own OTLP port, like all others. There are no
// traces of what the conductor receives: it would receive these traces too.
type ownTelemetry struct {
	*otel.Telemetry
	meters metric.MeterProvider // nil: no metrics are collected
}

func newOwnTelemetry(o options) (*ownTelemetry, error) {
	if o.meters != nil {
		return &ownTelemetry{meters: o.meters}, nil
	}
	to := endpointOf(o.ingest.GRPC, o.ingest)
	_, port, _ := net.SplitHostPort(o.ingest.GRPC) // checked with the flags
	elsewhere := os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || os.Getenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT") != ""
	scraped := strings.Contains(os.Getenv("OTEL_METRICS_EXPORTER"), "prometheus")
	toSelf := o.ingest.ForwardMetrics.Endpoint != "" && port != "0" && to.Err == nil
	if !elsewhere && !scraped && !toSelf {
		return &ownTelemetry{}, nil
	}
	t, err := otel.Setup(context.Background(), otel.Config{
		Service: "chord-conductor", Version: version.Text(), Endpoint: to.URL, Headers: to.Headers, TLS: to.TLS,
	})
	if err != nil {
		return nil, err
	}
	return &ownTelemetry{t, t.Meters}, nil
}

// warnOfVariables prints a line about OTEL_* variables that are not known, if there are any.
func warnOfVariables(w io.Writer) {
	if warning := otel.UnknownVariables(); warning != "" {
		fmt.Fprintln(w, "conductor: "+warning)
	}
}

// meter returns a meter, or nil if no metrics are collected.
func (t *ownTelemetry) meter(scope string) metric.Meter {
	if t.meters == nil {
		return nil
	}
	return t.meters.Meter(scope)
}

func (t *ownTelemetry) shutdown(ctx context.Context) error {
	if t.Telemetry != nil {
		_ = t.Shutdown(ctx) // the last figures of a conductor that ends may be lost
	}
	return nil
}

// endpointOf returns the address of the conductor's own OTLP port for a sender in this process.
func endpointOf(address string, cfg ingest.Config) local.Endpoint {
	if a, err := netip.ParseAddrPort(address); err == nil && a.Addr().IsUnspecified() {
		address = fmt.Sprintf("127.0.0.1:%d", a.Port())
	} else if host, port, err := net.SplitHostPort(address); err == nil && host == "" {
		address = net.JoinHostPort("127.0.0.1", port)
	}
	e := local.Endpoint{URL: "http://" + address}
	if cfg.Token != "" {
		e.Headers = map[string]string{"authorization": "Bearer " + cfg.Token}
	}
	if cfg.TLS.CertFile == "" {
		return e
	}
	if cfg.TLS.ClientCAFile != "" {
		e.Err = fmt.Errorf("members in this process have no client certificate, which --tls-client-ca requires: start with --scenario none")
		return e
	}
	e.URL = "https://" + address
	e.TLS, e.Err = trustOwn(cfg.TLS)
	return e
}

// trustOwn returns a client configuration that accepts only the conductor's own certificate, without checking its name.
// After the files change it also accepts the previous certificate, since the OTLP port may still present it.
func trustOwn(files ingest.TLS) (*tls.Config, error) {
	type certificates struct{ now, before *x509.Certificate }
	var last certificates
	own, err := reload.New(nil, func() (certificates, error) {
		pair, err := reload.LoadPair(files.CertFile, files.KeyFile)
		if err != nil {
			return last, fmt.Errorf("cannot load the certificate and key that --tls-cert and --tls-key name: %w", err)
		}
		last = certificates{pair.Leaf, last.now}
		return last, nil
	}, files.CertFile, files.KeyFile)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		InsecureSkipVerify: true, // in place of a chain and a name the certificate itself is compared
		VerifyConnection: func(state tls.ConnectionState) error {
			ours := own.Get()
			if leaf := state.PeerCertificates[0]; leaf.Equal(ours.now) || ours.before != nil && leaf.Equal(ours.before) {
				return nil
			}
			return errors.New("the OTLP port presents a certificate that is not the conductor's")
		},
	}, nil
}

// pageTLS returns the TLS configuration of the page's server, or nil without certificates. Certificates are read again
// when they change.
func pageTLS(files ingest.TLS, failed func(error)) (*tls.Config, error) {
	if files.CertFile == "" {
		return nil, nil
	}
	pair, err := reload.Pair(failed, files.CertFile, files.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("cannot load the certificate and key that --tls-cert and --tls-key name: %w", err)
	}
	return &tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return pair.Get(), nil },
		MinVersion:     tls.VersionTLS12, NextProtos: []string{"http/1.1"},
	}, nil
}
