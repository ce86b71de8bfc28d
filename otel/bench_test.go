package otel

import (
	"context"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// discard is an exporter that does nothing with what it receives.
type discard struct{}

func (discard) Export(context.Context, []sdklog.Record) error { return nil }
func (discard) Shutdown(context.Context) error                { return nil }
func (discard) ForceFlush(context.Context) error              { return nil }

func benchBodies() map[string]chordevent.Body {
	peer := numbered(1).Body.(chordevent.PredecessorChanged).Predecessor
	var list []chordevent.PeerRef
	for range 8 {
		list = append(list, peer)
	}
	return map[string]chordevent.Body{
		"predecessor": chordevent.PredecessorChanged{Predecessor: peer},
		"successors8": chordevent.SuccessorsChanged{Successors: list},
		"finger":      chordevent.FingersChanged{Runs: []chordevent.FingerRun{{First: 3, Last: 9, Peer: peer}}},
		"load":        chordevent.NodeLoad{Load: chordevent.Load{OwnedKeys: 5, Bytes: 640}},
	}
}

// BenchmarkEmit measures what an event costs a member: encoding it, and passing it to the events'
// pipeline.
func BenchmarkEmit(b *testing.B) {
	p := newPipeline(resource.Empty(), discard{}, EventPipeline{Queue: 1 << 16, Batch: 512, Interval: 100 * time.Millisecond, Attempt: time.Second}, func(error) {})
	defer p.Shutdown(context.Background())
	logger := eventLoggers{p: p}.Logger("test")
	for name, body := range benchBodies() {
		b.Run(name, func(b *testing.B) {
			ev := numbered(1)
			ev.Body = body
			ctx := context.Background()
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				if n%256 == 255 { // the queue stays as short as it is in practice
					b.StopTimer()
					p.ForceFlush(ctx)
					b.StartTimer()
				}
				logger.Emit(ctx, chordevent.Encode(ev))
			}
		})
	}
}

// BenchmarkSpan measures a hop's span with the tracer off, sampled out, and on.
func BenchmarkSpan(b *testing.B) {
	sdk := func(s Sampling) trace.TracerProvider {
		return sdktrace.NewTracerProvider(sdktrace.WithSampler(newSampler(s, time.Now)),
			sdktrace.WithBatcher(noSpans{}, sdktrace.WithMaxQueueSize(8192)))
	}
	for _, c := range []struct {
		name string
		p    trace.TracerProvider
	}{
		{"off", tracenoop.NewTracerProvider()},
		{"sampled-out", sdk(Sampling{Lookups: -1, Quiet: -1})},
		{"on", sdk(Sampling{Lookups: 1e9})},
	} {
		b.Run(c.name, func(b *testing.B) {
			tr := c.p.Tracer("test")
			key := chord.ID{1}
			space, _ := chord.NewSpace(chord.MaxBits)
			b.ReportAllocs()
			for b.Loop() {
				_, span := tr.Start(context.Background(), chordevent.SpanLookup)
				if span.IsRecording() { // as members do, so that a span that is not sampled costs no attributes
					span.SetAttributes(
						chordevent.NodeIDKey.String(space.Format(key)),
						chordevent.HostIDKey.String("host-1"),
						chordevent.LookupKeyKey.String(space.Format(key)),
						attribute.Int(string(chordevent.LookupHopsKey), 3),
					)
				}
				span.End()
			}
		})
		if p, ok := c.p.(*sdktrace.TracerProvider); ok {
			p.Shutdown(context.Background())
		}
	}
}

type noSpans struct{}

func (noSpans) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return nil }
func (noSpans) Shutdown(context.Context) error                             { return nil }

// BenchmarkMemory measures the path of an event through a simulated world's telemetry, from Encode
// to Decode.
func BenchmarkMemory(b *testing.B) {
	n := uint64(1)
	tel, err := Memory(MemoryConfig{
		Random: func() uint64 { n++; return n }, Now: time.Now,
		Sink: func(data plog.Logs) {
			rl := data.ResourceLogs().At(0)
			if _, _, err := chordevent.Decode(chordevent.SourceOf(rl.Resource()), rl.ScopeLogs().At(0).LogRecords().At(0)); err != nil {
				b.Fatal(err)
			}
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	logger := tel.Events.Logger("test")
	for name, body := range benchBodies() {
		b.Run(name, func(b *testing.B) {
			ev := numbered(1)
			ev.Body = body
			b.ReportAllocs()
			for b.Loop() {
				emit(context.Background(), logger, ev)
			}
		})
	}
}
