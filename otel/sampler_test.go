package otel

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"chordconductor/otel/chordevent"
)

func testTracer(s Sampling) (trace.Tracer, *tracetest.SpanRecorder) {
	rec := tracetest.NewSpanRecorder()
	p := sdktrace.NewTracerProvider(sdktrace.WithSampler(newSampler(s, time.Now)), sdktrace.WithSpanProcessor(rec))
	return p.Tracer("test"), rec
}

func sampled(tr trace.Tracer, ctx context.Context, name string, attrs ...attribute.KeyValue) bool {
	_, span := tr.Start(ctx, name, trace.WithAttributes(attrs...))
	defer span.End()
	return span.SpanContext().IsSampled()
}

func TestSamplerRules(t *testing.T) {
	tr, _ := testTracer(Sampling{Lookups: -1, Quiet: -1})
	outcome := func(o string) []attribute.KeyValue {
		return []attribute.KeyValue{chordevent.NodeIDKey.String("0a"), chordevent.OutcomeKey.String(o)}
	}
	parent := func(remote bool, flags trace.TraceFlags) context.Context {
		sc := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}, TraceFlags: flags, Remote: remote})
		return trace.ContextWithSpanContext(context.Background(), sc)
	}
	root := context.Background()
	for _, c := range []struct {
		about string
		ctx   context.Context
		name  string
		attrs []attribute.KeyValue
		want  bool
	}{
		{"a join", root, chordevent.SpanJoin, nil, true},
		{"a key move", root, chordevent.SpanKeysMove, nil, true},
		{"a quiet round", root, chordevent.SpanStabilize, outcome(chordevent.OutcomeQuiet), false},
		{"a round that changed something", root, chordevent.SpanStabilize, outcome(chordevent.OutcomeChanged), true},
		{"a change because of an unsampled round on another member", parent(true, 0), chordevent.SpanRectify, outcome(chordevent.OutcomeChanged), true},
		{"a lookup beyond the rate", root, chordevent.SpanLookup, nil, false},
		{"a lookup that failed", root, chordevent.SpanLookup, outcome(chordevent.OutcomeFailed), true},
		{"an unsampled lookup that failed", parent(false, 0), chordevent.SpanLookup, outcome(chordevent.OutcomeFailed), true},
		{"a hop of a sampled lookup", parent(true, trace.FlagsSampled), chordevent.SpanLookupHop, nil, true},
		{"a hop of an unsampled lookup", parent(true, 0), chordevent.SpanLookupHop, nil, false},
		{"a hop without its lookup", root, chordevent.SpanLookupHop, nil, false},
		{"a join within something unsampled", parent(false, 0), chordevent.SpanJoin, nil, true},
		{"a lookup that a user asked to see", chordevent.Keep(root), chordevent.SpanLookup, nil, true},
		{"an RPC of its own", root, "chord.v1.Ring/Ping", nil, false},
		{"an RPC of a sampled operation", parent(false, trace.FlagsSampled), "chord.v1.Ring/Ping", nil, true},
		{"an RPC that fails of its own", root, "chord.v1.Ring/Ping", outcome(chordevent.OutcomeFailed), false},
	} {
		if got := sampled(tr, c.ctx, c.name, c.attrs...); got != c.want {
			t.Errorf("%s: sampled %v", c.about, got)
		}
	}
}

// Lookups, gets, puts and deletes share one rate per process: first as many as a second allows at
// once, then as many as the rate allows.
func TestLookupRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, _ := testTracer(Sampling{Lookups: 50, Quiet: -1})
		count := func(tries int) (n int) {
			names := []string{chordevent.SpanLookup, chordevent.SpanGet, chordevent.SpanPut, chordevent.SpanDelete}
			for i := range tries {
				if sampled(tr, context.Background(), names[i%4]) {
					n++
				}
			}
			return n
		}
		if n := count(1000); n != 50 {
			t.Errorf("%d of 1000 simultaneous operations were sampled, want 50", n)
		}
		total := 0
		for range 1000 { // for ten seconds
			time.Sleep(10 * time.Millisecond)
			total += count(20)
		}
		if total != 500 {
			t.Errorf("%d operations were sampled in ten seconds, want 500", total)
		}
		time.Sleep(time.Hour)
		if n := count(1000); n != 50 {
			t.Errorf("after an hour without operations, %d simultaneous operations were sampled, want 50", n)
		}
	})
}

func TestQuietRatio(t *testing.T) {
	tr, _ := testTracer(Sampling{Lookups: -1, Quiet: 0.1})
	n := 0
	for range 10000 {
		if sampled(tr, context.Background(), chordevent.SpanStabilize) {
			n++
		}
	}
	if n < 800 || n > 1200 {
		t.Errorf("%d of 10000 rounds without a change were sampled, want about a tenth", n)
	}
}

func TestSeededIDs(t *testing.T) {
	ids := func() (all []string) {
		n := uint64(0)
		g := idGenerator{func() uint64 { n += 3; return n - 3 }} // begins with 0, which is not valid
		tr := sdktrace.NewTracerProvider(sdktrace.WithIDGenerator(g)).Tracer("test")
		for range 3 {
			_, s := tr.Start(context.Background(), "x")
			if !s.SpanContext().IsValid() {
				t.Error("a trace or span identifier is invalid")
			}
			all = append(all, s.SpanContext().TraceID().String()+s.SpanContext().SpanID().String())
		}
		return all
	}
	first, second := ids(), ids()
	for i := range first {
		if first[i] != second[i] {
			t.Errorf("identifier %d differs between two runs with the same random numbers", i)
		}
	}
}
