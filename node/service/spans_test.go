package service_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	metricnoop "go.opentelemetry.io/otel/metric/noop"

	"chordconductor/node/env"
	"chordconductor/node/env/grpcenv"
	"chordconductor/node/nodepb"
	"chordconductor/node/service"
	"chordconductor/otel"
	"chordconductor/otel/chordevent"
)

// pinged answers pings.
type pinged struct {
	nodepb.UnimplementedRingServer
	nodepb.UnimplementedKeysServer
}

func (pinged) Ping(context.Context, *nodepb.PingRequest) (*nodepb.PingResponse, error) {
	return &nodepb.PingResponse{}, nil
}

// Both spans of a call name their own member and the peer; a call to any member of a host names its caller.
func TestSpansNameMembers(t *testing.T) {
	var mu sync.Mutex
	spans := map[string][]map[string]string{} // by kind
	tel, err := otel.Memory(otel.MemoryConfig{
		Random: rand.Uint64, Now: time.Now, Sink: func(plog.Logs) {},
		Spans: func(td ptrace.Traces) {
			mu.Lock()
			defer mu.Unlock()
			s := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
			attributes := map[string]string{}
			for key, value := range s.Attributes().All() {
				attributes[key] = value.AsString()
			}
			spans[s.Kind().String()] = append(spans[s.Kind().String()], attributes)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	opts := grpcenv.Options{NameSpan: service.NameSpan, Tracer: tel.Tracers, Meter: metricnoop.NewMeterProvider(), Propagator: tel.Propagator}
	listen := func() *grpcenv.Env {
		opts.Listen = "127.0.0.1:0"
		e, err := grpcenv.Listen(opts)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(e.Close)
		e.Serve(pinged{}, pinged{}, nil, nil)
		return e
	}
	server, client := listen(), listen()

	ctx, root := tel.Tracers.Tracer("test").Start(context.Background(), chordevent.SpanJoin)
	id := func(last byte) []byte { return append(make([]byte, 19), last) }
	for _, target := range [][]byte{id(0x2a), nil, id(0x2a)[:7]} {
		call := &nodepb.Call{Target: target, From: &nodepb.Peer{Id: id(0x08)}, Bits: 8}
		if _, err := env.Ring(client, server.Address(), time.Minute).Ping(ctx, &nodepb.PingRequest{Call: call}); err != nil {
			t.Fatal(err)
		}
	}
	hostile := &nodepb.Call{Target: id(0x2a), From: &nodepb.Peer{Id: append([]byte{0xff}, make([]byte, 19)...)}, Bits: 1 << 31}
	if _, err := env.Ring(client, server.Address(), time.Minute).Ping(ctx, &nodepb.PingRequest{Call: hostile}); err != nil {
		t.Fatal(err)
	}
	root.End()
	server.Close() // its spans have ended

	mu.Lock()
	defer mu.Unlock()
	for kind, want := range map[string][][2]string{ // node, peer
		"Client": {{"", ""}, {"08", ""}, {"08", ""}, {"08", "2a"}},
		"Server": {{"", ""}, {"", "08"}, {"", "08"}, {"2a", "08"}},
	} {
		var got [][2]string
		for _, attributes := range spans[kind] {
			got = append(got, [2]string{attributes["chord.node.id"], attributes["chord.peer.id"]})
		}
		// A server's span ends after its answer was sent, so the next call's may end before it.
		slices.SortFunc(got, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
		if !slices.Equal(got, want) {
			t.Errorf("spans of kind %s name %q, want %q", kind, got, want)
		}
	}
}
