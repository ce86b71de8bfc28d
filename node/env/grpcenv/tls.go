package grpcenv

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"google.golang.org/grpc/credentials"
)

// LoadTLS makes mutual TLS of three PEM files: this host's certificate and key, which it shows as server and as client,
// and the authorities whose certificates it accepts from both. The certificate must name the advertised address.
func LoadTLS(certFile, keyFile, caFile string) (server, client credentials.TransportCredentials, err error) {
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, nil, fmt.Errorf("TLS certificate %q with key %q: %w", certFile, keyFile, err)
	}
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, nil, fmt.Errorf("TLS authorities: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, nil, fmt.Errorf("TLS authorities %q: no certificate in PEM form", caFile)
	}
	server = credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13,
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: roots,
	})
	client = credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13, RootCAs: roots,
	})
	return server, client, nil
}
