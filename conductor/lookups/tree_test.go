package lookups

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"
	"pgregory.net/rapid"

	"chordconductor/otel/chordevent"
)

// In forests, chains and circles of any shape, nearest finds what a separate search from each span finds.
func TestNearestAncestor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 40).Draw(t, "spans")
		parent := rapid.SliceOfN(rapid.IntRange(-1, n-1), n, n).Draw(t, "parents")
		named := rapid.SliceOfN(rapid.Bool(), n, n).Draw(t, "named")
		is := func(i int) bool { return named[i] }
		want := make([]int, n)
		for i := range want {
			want[i] = -1
			for at, steps := parent[i], 0; at >= 0 && steps < n; at, steps = parent[at], steps+1 {
				if named[at] {
					want[i] = at
					break
				}
			}
		}
		if got := nearest(parent, is); !slices.Equal(got, want) {
			t.Fatalf("nearest(%v, %v) = %v, want %v", parent, named, got, want)
		}
	})
}

// deepTrace returns a trace with a chain of calls, below it a lookup without an outcome for every two spans, and the
// hops of the lookups.
func deepTrace(id trace.TraceID, spans int) (out []Span) {
	number := func(n int) (id trace.SpanID) {
		binary.BigEndian.PutUint32(id[:], uint32(n+1))
		return id
	}
	for i := range spans / 2 {
		out = append(out, Span{Trace: id, ID: number(i), Parent: number(i - 1), Start: t0})
	}
	for i := range spans / 4 {
		root := Span{
			Trace: id, ID: number(spans + 2*i), Parent: number(spans/2 - 1), Name: chordevent.SpanLookup, Start: t0, End: t0.Add(time.Second),
			Node: node(8), Key: node(54), Mode: chordevent.ModeRecursive,
		}
		hop := root
		hop.ID, hop.Name, hop.Index = number(spans+2*i+1), chordevent.SpanLookupHop, 1
		out = append(out, root, hop)
	}
	return out
}

// A trace for which nothing new has arrived is not assembled again while its lookups wait.
func TestWaitingCostsNothing(t *testing.T) {
	a := NewAssembler(0)
	for _, s := range deepTrace(trace.TraceID{1}, maxTraceSpans) {
		a.Add(s, t0)
	}
	a.Advance(t0)
	if allocations := testing.AllocsPerRun(10, func() { a.Advance(t0.Add(Settle / 2)) }); allocations > 0 {
		t.Errorf("%v allocations, want none", allocations)
	}
	if got := len(a.Advance(t0.Add(Settle))); got != maxTraceSpans/4 {
		t.Errorf("%d lookups, want %d", got, maxTraceSpans/4)
	}
}

// BenchmarkDeepTraces measures the time of one Advance per span, and with eight times as many spans in the trace: it
// must not grow with their number.
func BenchmarkDeepTraces(b *testing.B) {
	for _, spans := range []int{maxTraceSpans / 8, maxTraceSpans} {
		b.Run(fmt.Sprint(spans), func(b *testing.B) {
			trace := deepTrace(trace.TraceID{1}, spans)
			for b.Loop() {
				a := NewAssembler(0)
				for _, s := range trace {
					a.Add(s, t0)
				}
				a.Advance(t0)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*spans), "ns/span")
		})
	}
}
