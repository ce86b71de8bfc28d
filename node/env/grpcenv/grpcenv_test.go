package grpcenv_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"chordconductor/internal/freeport"
	"chordconductor/internal/polltest"
	"chordconductor/node/env"
	"chordconductor/node/env/grpcenv"
	"chordconductor/node/nodepb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// An answerer answers pings: with an error, or only once released, if it is configured so.
type answerer struct {
	nodepb.UnimplementedRingServer
	nodepb.UnimplementedKeysServer
	err  error
	hold chan struct{}
}

// A held ping outlasts its context: an answer given at the deadline could reach the caller before
// the caller's own clock reaches the deadline.
func (s *answerer) Ping(context.Context, *nodepb.PingRequest) (*nodepb.PingResponse, error) {
	if s.hold != nil {
		<-s.hold
	}
	return &nodepb.PingResponse{Leaving: true}, s.err
}

func (s *answerer) Apply(ctx context.Context, _ *nodepb.ApplyRequest) (*nodepb.ApplyResponse, error) {
	<-s.hold
	return &nodepb.ApplyResponse{}, nil
}

func serving(t *testing.T, opts grpcenv.Options, s *answerer) *grpcenv.Env {
	t.Helper()
	opts.Listen = "127.0.0.1:0"
	e, err := grpcenv.Listen(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	e.Serve(s, s, nil, nil)
	return e
}

func ping(e *grpcenv.Env, addr string, limit time.Duration) error {
	_, err := env.Ring(e, addr, limit).Ping(context.Background(), &nodepb.PingRequest{})
	return err
}

func TestCalls(t *testing.T) {
	hold := make(chan struct{})
	defer close(hold)
	good, bad, slow := serving(t, grpcenv.Options{}, &answerer{}), serving(t, grpcenv.Options{}, &answerer{err: status.Error(codes.FailedPrecondition, "no")}),
		serving(t, grpcenv.Options{}, &answerer{hold: hold})
	if err := ping(good, good.Address(), time.Second); err != nil {
		t.Errorf("to itself: %v", err)
	}
	if err := ping(good, bad.Address(), time.Minute); status.Code(err) != codes.FailedPrecondition {
		t.Errorf("a refusal arrives as %v", err)
	}
	if err := ping(good, slow.Address(), 100*time.Millisecond); !errors.Is(err, env.ErrTimeout) {
		t.Errorf("a slow peer: %v", err)
	}
	if err := ping(good, "127.0.0.1:1", 5*time.Second); !errors.Is(err, env.ErrTimeout) {
		t.Errorf("no listener: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := env.Ring(good, slow.Address(), 5*time.Second).Ping(ctx, &nodepb.PingRequest{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that gave up receives %v", err)
	}
	// A host's calls to its own keys may take long, but no longer than the limit.
	if _, err := env.Keys(slow, slow.Address(), 50*time.Millisecond).Apply(t.Context(), &nodepb.ApplyRequest{}); !errors.Is(err, env.ErrTimeout) {
		t.Errorf("slow keys of its own: %v", err)
	}
}

// A peer that was closed and is back at the same address is reached again soon.
func TestReconnect(t *testing.T) {
	e := serving(t, grpcenv.Options{}, &answerer{})
	first, err := grpcenv.Listen(grpcenv.Options{Listen: freeport.Address(t)})
	if err != nil {
		t.Fatal(err)
	}
	first.Serve(&answerer{}, &answerer{}, nil, nil)
	addr := first.Address()
	if err := ping(e, addr, time.Minute); err != nil {
		t.Fatal(err)
	}
	first.Close()
	if err := ping(e, addr, 5*time.Second); !errors.Is(err, env.ErrTimeout) {
		t.Fatalf("a closed peer: %v", err)
	}
	second, err := grpcenv.Listen(grpcenv.Options{Listen: addr})
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	second.Serve(&answerer{}, &answerer{}, nil, nil)
	polltest.Passes(t, "the peer is reached again", func() error { return ping(e, addr, 5*time.Second) })
}

// With more peers than the bound of connections, all peers are reached, and the bound holds.
func TestPoolBound(t *testing.T) {
	e := serving(t, grpcenv.Options{MaxConnections: 2}, &answerer{})
	for range 2 {
		for i := range 5 {
			peer := serving(t, grpcenv.Options{}, &answerer{})
			if err := ping(e, peer.Address(), time.Minute); err != nil {
				t.Fatalf("peer %d: %v", i, err)
			}
		}
	}
	if n := e.Connections(); n > 2 {
		t.Errorf("%d connections are kept, the bound is 2", n)
	}
}

func TestCloseStopsEverything(t *testing.T) {
	e, err := grpcenv.Listen(grpcenv.Options{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	hold := make(chan struct{})
	defer close(hold)
	slow := serving(t, grpcenv.Options{}, &answerer{hold: hold})
	e.Serve(&answerer{}, &answerer{}, nil, nil)
	var stopped atomic.Int32
	task := func(do func() error) {
		if err := e.Go(t.Context(), func(context.Context) {
			if errors.Is(do(), env.ErrStopped) {
				stopped.Add(1)
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	signal := e.NewSignal()
	task(func() error { return e.Sleep(time.Hour) })
	task(func() error { return signal.Wait(0) })
	task(func() error { return signal.Wait(time.Hour) })
	task(func() error { return ping(e, slow.Address(), time.Hour) })
	e.Close()
	if stopped.Load() != 4 {
		t.Errorf("%d of 4 tasks received ErrStopped", stopped.Load())
	}
	if err := e.Go(t.Context(), func(context.Context) { t.Error("started") }); !errors.Is(err, env.ErrStopped) {
		t.Errorf("Go after Close: %v", err)
	}
	e.Close()
}

func TestSignal(t *testing.T) {
	e := serving(t, grpcenv.Options{}, &answerer{})
	s := e.NewSignal()
	if err := s.Wait(time.Millisecond); !errors.Is(err, env.ErrTimeout) {
		t.Errorf("nothing set: %v", err)
	}
	s.Set()
	s.Set()
	if err := s.Wait(time.Second); err != nil {
		t.Errorf("set before: %v", err)
	}
	if err := s.Wait(time.Millisecond); !errors.Is(err, env.ErrTimeout) {
		t.Errorf("a latch opens once: %v", err)
	}
	done := make(chan error, 3)
	for range 3 {
		go func() { done <- s.Wait(0) }()
	}
	for woken := 0; woken < 3; { // one wake-up for each task that waits by now
		s.Set()
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
			woken++
		default:
			e.Sleep(time.Millisecond)
		}
	}
}

func TestHealth(t *testing.T) {
	e := serving(t, grpcenv.Options{}, &answerer{})
	cc, err := grpc.NewClient("passthrough:///"+e.Address(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer cc.Close()
	for _, ready := range []bool{false, true} {
		e.SetReady(ready)
		a, err := grpc_health_v1.NewHealthClient(cc).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{})
		if err != nil || (a.Status == grpc_health_v1.HealthCheckResponse_SERVING) != ready {
			t.Errorf("ready %v: %v, %v", ready, a, err)
		}
	}
}

func TestBadOptions(t *testing.T) {
	taken := serving(t, grpcenv.Options{}, &answerer{})
	for _, test := range []struct{ listen, want string }{
		{taken.Address(), "in use"},
		{"nonsense", "nonsense"},
		{":0", "all interfaces"},
	} {
		e, err := grpcenv.Listen(grpcenv.Options{Listen: test.listen})
		if err == nil {
			e.Close()
			t.Errorf("listening on %q works", test.listen)
		} else if !strings.Contains(err.Error(), test.want) {
			t.Errorf("listening on %q: %v", test.listen, err)
		}
	}
}

// A picked port is part of the address, also of an advertised one.
func TestPickedPort(t *testing.T) {
	e, err := grpcenv.Listen(grpcenv.Options{Listen: "127.0.0.1:0", Advertise: "host.example:7001"})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if strings.HasSuffix(e.Listening(), ":0") || !strings.HasPrefix(e.Listening(), "127.0.0.1:") || e.Address() != "host.example:7001" {
		t.Errorf("listening on %s, advertised as %s", e.Listening(), e.Address())
	}
}
