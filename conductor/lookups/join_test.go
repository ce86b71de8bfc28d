package lookups

import (
	"reflect"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"
	"pgregory.net/rapid"

	"chordconductor/otel/chordevent"
)

// Some operations, such as a join, have hops without a lookup. These hops must not be assigned to a lookup in the same
// trace, in whatever order the spans arrive.
func TestHopsOfAnOperationAreNoLookups(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := trace.TraceID{1}
		operation := rapid.SampledFrom([]string{chordevent.SpanJoin, chordevent.SpanProbe, chordevent.SpanMerge}).Draw(t, "operation")
		spans := fromThePaper(id)
		join := Span{Trace: id, ID: trace.SpanID{99}, Name: operation, Node: node(8), Start: t0.Add(-time.Millisecond), End: t0.Add(time.Second), Outcome: chordevent.OutcomeOK}
		spans[0].Parent = join.ID
		for i := range spans[1:] {
			spans[i+1].Parent = spans[i].ID
		}
		spans = append(spans, join)
		for i := range rapid.IntRange(1, 4).Draw(t, "foreign hops") {
			spans = append(spans, Span{
				Trace: id, ID: trace.SpanID{byte(50 + i)}, Parent: join.ID, Name: chordevent.SpanLookupHop, Node: node(byte(100 + i)), Key: node(54),
				Mode: chordevent.ModeIterative, Index: i, Start: t0, End: t0,
			})
		}
		a := NewAssembler(0)
		var last []Lookup
		for _, s := range rapid.Permutation(spans).Draw(t, "order") {
			a.Add(s, t0)
			last = append(last, a.Advance(t0)...)
		}
		last = append(last, a.Advance(t0.Add(Settle))...)
		if len(last) == 0 || !reflect.DeepEqual(last[len(last)-1].Hops, wholePath()) || !last[len(last)-1].Whole {
			t.Fatalf("%+v", last)
		}
	})
}
