package ingest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"chordconductor/internal/netname"
)

// Ports are the addresses of both protocols, bound but not served: connections wait for Run. A program that starts more
// than a receiver binds them before it creates files, so that an address in use leaves no files behind.
type Ports struct {
	grpc, http net.Listener // nil: off
	tls        *tls.Config  // of both; nil: none
}

// Bind checks a configuration and binds its ports. Errors name the flag to change.
func Bind(ctx context.Context, cfg Config) (*Ports, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return bind(ctx, cfg)
}

func bind(ctx context.Context, cfg Config) (*Ports, error) {
	p := &Ports{}
	var err error
	if p.tls, err = serverTLS(cfg.TLS, cfg.Logger); err != nil {
		return nil, fmt.Errorf("cannot serve OTLP over TLS: %w", err)
	}
	for _, one := range []struct {
		name, flag, address string
		to                  *net.Listener
	}{{"OTLP/gRPC", "--otlp-grpc", cfg.GRPC, &p.grpc}, {"OTLP/HTTP", "--otlp-http", cfg.HTTP, &p.http}} {
		if one.address == "" {
			continue
		}
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", one.address)
		if err != nil {
			return nil, errors.Join(netname.ListenError(one.name, one.address, "conductor or Collector", one.flag, err), p.Close())
		}
		*one.to = l
	}
	return p, nil
}

// Close releases the addresses. A Server that runs with them also releases them at its end; closing again has no
// effect.
func (p *Ports) Close() error {
	var errs []error
	for _, l := range []net.Listener{p.grpc, p.http} {
		if l == nil {
			continue
		}
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// address returns a listener's address; empty if the protocol is off.
func address(l net.Listener) string {
	if l == nil {
		return ""
	}
	return l.Addr().String()
}
