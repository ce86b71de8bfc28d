package otel

import (
	"context"
	"reflect"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"

	"chordconductor/otel/chordevent"
)

// In memory an event arrives as it was emitted, with its trace, and the same seed gives the same
// bytes.
func TestMemory(t *testing.T) {
	run := func() (got []plog.Logs) {
		n := uint64(7)
		tel, err := Memory(MemoryConfig{
			Ring: "sim", Instance: "one",
			Random: func() uint64 { n = n*6364136223846793005 + 1; return n },
			Now:    func() time.Time { return time.Unix(1000, 0) },
			Sink:   func(data plog.Logs) { got = append(got, data) },
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, span := tel.Tracers.Tracer("test").Start(context.Background(), chordevent.SpanJoin)
		ev := numbered(9)
		ev.Time = time.Unix(1000, 5).UTC()
		emit(ctx, tel.Events.Logger("test"), ev)
		if len(got) != 1 {
			t.Fatalf("%d records arrived before Emit returned, want 1", len(got))
		}
		rl := got[0].ResourceLogs().At(0)
		decoded, ignored, err := chordevent.Decode(chordevent.SourceOf(rl.Resource()), rl.ScopeLogs().At(0).LogRecords().At(0))
		if err != nil || ignored != 0 {
			t.Fatal(ignored, err)
		}
		ev.Ring, ev.Instance = "sim", "one"
		ev.Trace, ev.Span = span.SpanContext().TraceID(), span.SpanContext().SpanID()
		if !reflect.DeepEqual(decoded, ev) {
			t.Errorf("got  %+v\nwant %+v", decoded, ev)
		}
		if err := tel.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		return got
	}
	bytes := func(data plog.Logs) string {
		out, err := (&plog.ProtoMarshaler{}).MarshalLogs(data)
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	if first, second := run(), run(); bytes(first[0]) != bytes(second[0]) {
		t.Error("two runs with the same seed differ")
	}
	if _, err := Memory(MemoryConfig{}); err == nil {
		t.Error("Memory without a sink returned no error")
	}
}
