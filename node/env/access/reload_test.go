package access_test

import (
	"cmp"
	"context"
	"net"
	"os"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"chordconductor/internal/certtest"
	"chordconductor/internal/polltest"
	"chordconductor/node/env/access"
)

// Certificates and CA certificates of a host and of its client that are replaced while both run apply to the next
// connection: so an authority that has expired can be replaced.
func TestCertificatesAreReloaded(t *testing.T) {
	first, second := certtest.New(t), certtest.New(t)
	host, client := first.Issue("host", "127.0.0.1"), first.Issue("client", "client")
	server, err := access.NewHost(access.Settings{CertFile: host.Cert, KeyFile: host.Key, CAFile: first.File}, "127.0.0.1:7001")
	if err != nil {
		t.Fatal(err)
	}
	way, err := access.NewClient(access.ClientSettings{CertFile: client.Cert, KeyFile: client.Key, CAFile: first.File})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(grpc.Creds(server.ServerCredentials()))
	grpc_health_v1.RegisterHealthServer(s, health.NewServer())
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Stop()
		<-served
	})
	call := func(way *access.Client) error {
		cc, err := grpc.NewClient("passthrough:///"+l.Addr().String(), way.DialOptions()...)
		if err != nil {
			t.Fatal(err)
		}
		defer cc.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		_, err = grpc_health_v1.NewHealthClient(cc).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
		return err
	}
	if err := call(way); err != nil {
		t.Fatalf("before: %v", err)
	}
	foreign := second.Issue("client", "client")
	another, err := access.NewClient(access.ClientSettings{CertFile: foreign.Cert, KeyFile: foreign.Key, CAFile: second.File})
	if err != nil {
		t.Fatal(err)
	}
	if call(another) == nil {
		t.Fatal("another authority's client is let in before the exchange")
	}
	newHost, newClient := second.Issue("host", "127.0.0.1"), second.Issue("client", "client")
	for from, to := range map[string]string{newHost.Cert: host.Cert, newHost.Key: host.Key, newClient.Cert: client.Cert, newClient.Key: client.Key, second.File: first.File} {
		data, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	polltest.Passes(t, "the new authority is in force", func() error { return cmp.Or(call(another), call(way)) })
}
