package grpcenv_test

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"chordconductor/node/env"
	"chordconductor/node/env/access"
	"chordconductor/node/env/grpcenv"
	"chordconductor/node/nodepb"
)

// BenchmarkCall compares a call between hosts with a bare unary gRPC echo of the same messages, for
// several numbers of callers, without TLS and with the TLS of a ring secret. Only the ratio of call
// to echo within one run is meaningful.
func BenchmarkCall(b *testing.B) {
	secret, err := access.NewHost(access.Settings{RingSecret: "benchmark-of-calls-between-two-hosts-0123456789"}, "127.0.0.1:7001")
	if err != nil {
		b.Fatal(err)
	}
	request := &nodepb.PingRequest{Call: &nodepb.Call{
		Target: make([]byte, 20), From: &nodepb.Peer{Id: make([]byte, 20), Address: "127.0.0.1:7001", Incarnation: 1, Seq: 1}, Ring: "benchmark", Bits: 160, Successors: 4, Replicas: 3,
	}}
	for name, a := range map[string]*access.Host{"plain": nil, "tls": secret} {
		for _, callers := range []int{1, 32} {
			b.Run(fmt.Sprintf("%s/echo/callers=%d", name, callers), func(b *testing.B) {
				ring := nodepb.NewRingClient(echo(b, a))
				measure(b, callers, func() error { _, err := ring.Ping(b.Context(), request); return err })
			})
			b.Run(fmt.Sprintf("%s/call/callers=%d", name, callers), func(b *testing.B) {
				from, to := benchHost(b, a), benchHost(b, a)
				ring := env.Ring(from, to.Address(), time.Minute)
				measure(b, callers, func() error { _, err := ring.Ping(b.Context(), request); return err })
			})
		}
	}
}

func measure(b *testing.B, callers int, call func() error) {
	if err := call(); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	var left atomic.Int64
	left.Store(int64(b.N))
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if err := call(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func benchHost(b *testing.B, a *access.Host) *grpcenv.Env {
	e, err := grpcenv.Listen(grpcenv.Options{Listen: "127.0.0.1:0", Access: a})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(e.Close)
	e.Serve(&answerer{}, &answerer{}, nil, nil)
	return e
}

// echo returns a connection to a bare server.
func echo(b *testing.B, a *access.Host) *grpc.ClientConn {
	var options []grpc.ServerOption
	var creds credentials.TransportCredentials = insecure.NewCredentials()
	if a != nil {
		options, creds = append(options, grpc.Creds(a.ServerCredentials())), a.PeerCredentials()
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := grpc.NewServer(options...)
	nodepb.RegisterRingServer(s, bare{})
	go s.Serve(l)
	cc, err := grpc.NewClient("passthrough:///"+l.Addr().String(), grpc.WithTransportCredentials(creds))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { cc.Close(); s.Stop() })
	return cc
}

type bare struct{ nodepb.UnimplementedRingServer }

func (bare) Ping(context.Context, *nodepb.PingRequest) (*nodepb.PingResponse, error) {
	return &nodepb.PingResponse{Leaving: true}, nil
}
