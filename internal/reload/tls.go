package reload

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"

	"google.golang.org/grpc/credentials"
)

// Pair returns the value of a certificate and its key, in PEM files.
func Pair(failed func(error), certFile, keyFile string) (*Value[*tls.Certificate], error) {
	return New(failed, func() (*tls.Certificate, error) {
		pair, err := LoadPair(certFile, keyFile)
		if err != nil {
			return nil, fmt.Errorf("cannot load certificate %s and key %s: %w", certFile, keyFile, err)
		}
		return &pair, nil
	}, certFile, keyFile)
}

// Credentials returns gRPC credentials that take the configuration of each connection from get.
func Credentials(get func() *tls.Config) credentials.TransportCredentials {
	return &reloading{get: get}
}

type reloading struct {
	get  func() *tls.Config
	name string // replaces the server's name
}

func (r *reloading) now() credentials.TransportCredentials {
	cfg := r.get()
	if r.name != "" {
		cfg = cfg.Clone()
		cfg.ServerName = r.name
	}
	return credentials.NewTLS(cfg)
}

func (r *reloading) ClientHandshake(ctx context.Context, authority string, c net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return r.now().ClientHandshake(ctx, authority, c)
}

func (r *reloading) ServerHandshake(c net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return r.now().ServerHandshake(c)
}

func (r *reloading) Info() credentials.ProtocolInfo { return r.now().Info() }

func (r *reloading) Clone() credentials.TransportCredentials { c := *r; return &c }

func (r *reloading) OverrideServerName(name string) error {
	r.name = name
	return nil
}
