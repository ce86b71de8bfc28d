package grpcenv_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"chordconductor/internal/cutproxy"
	"chordconductor/node/env"
	"chordconductor/node/env/grpcenv"
	"chordconductor/node/nodepb"
)

// traced returns options whose spans are exported, and their exporter.
func traced() (grpcenv.Options, *tracetest.InMemoryExporter) {
	spans := tracetest.NewInMemoryExporter()
	return grpcenv.Options{
		Tracer: sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)), Meter: noop.NewMeterProvider(), Propagator: propagation.TraceContext{},
	}, spans
}

// A host of the previous version serves and makes only unary calls. A host of this version that
// takes over its address is called over streams. The spans are the same.
func TestPeersWithoutStreams(t *testing.T) {
	opts, spans := traced()
	e := serving(t, opts, &answerer{})
	older := &singles{answerer: &answerer{}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(grpc.UnaryInterceptor(older.count))
	nodepb.RegisterRingServer(s, older)
	nodepb.RegisterKeysServer(s, older)
	var served sync.WaitGroup
	served.Go(func() { s.Serve(l) })
	defer served.Wait()
	defer s.Stop()
	for range 3 {
		if err := ping(e, l.Addr().String(), time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	if older.calls != 3 || older.parents != 3 {
		t.Errorf("%d single calls, %d with a span, want 3", older.calls, older.parents)
	}
	if n := len(spans.GetSpans()); n != 3 {
		t.Errorf("%d spans of 3 calls", n)
	}
	newer := serving(t, opts, &answerer{})
	spans.Reset()
	if err := ping(e, newer.Address(), time.Minute); err != nil {
		t.Fatal(err)
	}
	newer.Close() // its span has ended
	var names []string
	for _, s := range spans.GetSpans() {
		names = append(names, s.SpanKind.String()+" "+s.Name)
	}
	if got := strings.Join(names, ", "); got != "server chord.v1.Ring/Ping, client chord.v1.Ring/Ping" && got != "client chord.v1.Ring/Ping, server chord.v1.Ring/Ping" {
		t.Errorf("spans of a call over a stream: %s", got)
	}
}

// singles answers single calls, and counts them.
type singles struct {
	*answerer
	calls, parents int
}

func (s *singles) count(ctx context.Context, request any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	s.calls++
	if header, _ := metadata.FromIncomingContext(ctx); len(header.Get("traceparent")) == 1 {
		s.parents++
	}
	return next(ctx, request)
}

// A failed dial and a silent peer are failed calls, with spans; a connection that breaks is not.
func TestBreaksAreNoFailures(t *testing.T) {
	opts, spans := traced()
	e := serving(t, opts, &answerer{})
	err := ping(e, "127.0.0.1:1", time.Minute)
	if why := (*env.Unanswered)(nil); !errors.As(err, &why) || !strings.Contains(why.Why, "refused") || !why.Refused {
		t.Errorf("no host: %v", err)
	}
	got := spans.GetSpans()
	if len(got) != 1 || got[0].Name != "chord.v1.Ring/Ping" || !strings.Contains(fmt.Sprint(got[0].Attributes), "UNAVAILABLE") {
		t.Errorf("spans of a call to no host: %+v", got)
	}

	held := &answerer{hold: make(chan struct{})}
	defer close(held.hold)
	host := serving(t, grpcenv.Options{}, held)
	proxy := cutproxy.Listen(t)
	proxy.To(host.Address())
	if err := ping(e, proxy.Address(), 50*time.Millisecond); err != env.ErrTimeout {
		t.Errorf("silence: %v", err)
	}
	free := serving(t, grpcenv.Options{}, &answerer{})
	through := cutproxy.Listen(t)
	through.To(free.Address())
	for range 50 {
		if err := ping(e, through.Address(), time.Minute); err != nil {
			t.Fatalf("a call after a break: %v", err)
		}
		if through.Cut() == 0 {
			t.Fatal("there is no connection")
		}
	}
	write := make(chan error)
	go func() {
		_, err := env.Keys(e, proxy.Address(), time.Minute).Apply(t.Context(), &nodepb.ApplyRequest{})
		write <- err
	}()
	for cut := 0; ; {
		select {
		case err := <-write:
			if !errors.Is(err, env.ErrBroken) || cut == 0 {
				t.Errorf("a write whose connection broke, after %d cuts: %v", cut, err)
			}
			return
		case <-time.After(50 * time.Millisecond):
			cut += proxy.Cut()
		}
	}
}

// An answer's status arrives as it was sent, whatever its code.
func TestStatusPasses(t *testing.T) {
	e := serving(t, grpcenv.Options{}, &answerer{})
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		host := serving(t, grpcenv.Options{}, &answerer{err: status.Error(code, "the text")})
		err := ping(e, host.Address(), time.Minute)
		switch code {
		case codes.Canceled, codes.DeadlineExceeded, codes.Unavailable:
			if !errors.Is(err, env.ErrTimeout) {
				t.Errorf("%v arrives as %v", code, err)
			}
		default:
			if status.Code(err) != code || !strings.Contains(err.Error(), "the text") {
				t.Errorf("%v arrives as %v", code, err)
			}
		}
	}
}

// The caller's own deadline is no silence of the peer.
func TestCallersDeadline(t *testing.T) {
	held := &answerer{hold: make(chan struct{})}
	defer close(held.hold)
	e, host := serving(t, grpcenv.Options{}, &answerer{}), serving(t, grpcenv.Options{}, held)
	for range 100 {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		if _, err := env.Ring(e, host.Address(), time.Minute).Ping(ctx, &nodepb.PingRequest{}); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, env.ErrTimeout) {
			t.Fatalf("%v", err)
		}
		cancel()
	}
}
