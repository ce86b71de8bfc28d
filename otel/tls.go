package otel

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
)

// observedClient returns the HTTP client of the events' exporter. An exporter that is given a
// client does not read the variables for TLS, so this function reads them.
func (x exporters) observedClient() (*http.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	cfg, err := x.tlsFromEnv()
	if err != nil {
		return nil, err
	}
	transport.TLSClientConfig = cfg
	return &http.Client{Transport: observeHTTP{transport}}, nil
}

func (x exporters) tlsFromEnv() (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if file := x.env.otlp(logs, "CERTIFICATE"); file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("cannot read the OTLP certificate: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New("OTLP certificate " + file + ": contains no certificate in PEM form")
		}
	}
	cert, key := x.env.otlp(logs, "CLIENT_CERTIFICATE"), x.env.otlp(logs, "CLIENT_KEY")
	if cert != "" && key != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("cannot load the OTLP client certificate: %w", err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}
