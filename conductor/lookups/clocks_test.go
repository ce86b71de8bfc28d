package lookups

import (
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"
	"pgregory.net/rapid"

	"chordconductor/otel/chordevent"
)

// Whatever the clocks of the hops' hosts, the path is in the order of the hops' ancestry. A hop whose clock certainly
// differs shows the least possible difference, and its time is unknown.
func TestClocksDoNotOrderHops(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spans := fromThePaper(trace.TraceID{1})
		offsets := make([]time.Duration, len(spans))
		for i := 1; i < len(spans); i++ {
			spans[i].Parent = spans[i-1].ID
			offsets[i] = rapid.SampledFrom([]time.Duration{0, time.Hour, -time.Hour, 58 * time.Second, -56 * 365 * 24 * time.Hour}).Draw(t, "offset")
			spans[i].Start, spans[i].End = spans[i].Start.Add(offsets[i]), spans[i].End.Add(offsets[i])
		}
		// The rest of a second attempt of the same lookup: one stray hop, which no clock may add to the path.
		stray := spans[2]
		stray.ID, stray.Parent, stray.Node = trace.SpanID{99}, trace.SpanID{98}, node(3)
		stray.Start = stray.Start.Add(rapid.SampledFrom([]time.Duration{-2 * time.Hour, 2 * time.Hour}).Draw(t, "stray"))
		spans = append(spans, stray)
		a := NewAssembler(0)
		for _, s := range rapid.Permutation(spans).Draw(t, "order") {
			a.Add(s, t0)
		}
		hops := a.Advance(t0.Add(Settle))[0].Hops
		want := wholePath()
		if len(hops) != len(want) {
			t.Fatalf("%+v", hops)
		}
		for i, h := range hops {
			off := offsets[i]
			switch {
			case h.ID != want[i].ID:
				t.Fatalf("hop %d is %v, want %v", i, h.ID, want[i].ID)
			case off == 0 && (h.Clock != 0 || h.At != want[i].At):
				t.Fatalf("hop %d of a right clock: at %v, clock %v", i, h.At, h.Clock)
			case off > 0 && (h.At >= 0 || h.Clock <= 0 || h.Clock > off || h.Clock < off-40*time.Millisecond):
				t.Fatalf("hop %d, %v ahead: at %v, at least %v ahead", i, off, h.At, h.Clock)
			case off < 0 && (h.At >= 0 || h.Clock >= 0 || h.Clock < off || h.Clock > off+40*time.Millisecond):
				t.Fatalf("hop %d, %v behind: at %v, at least %v behind", i, -off, h.At, h.Clock)
			}
		}
	})
}

// Two lookups of one key in one trace: each has the hops that descend from it, whatever calls lie in between and
// whatever the clocks are.
func TestHopsBelongToTheLookupTheyHangOn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first, second := fromThePaper(trace.TraceID{1}), fromThePaper(trace.TraceID{1})
		var all []Span
		for n, spans := range [][]Span{first, second} {
			for i := range spans {
				spans[i].ID = trace.SpanID{byte(n + 1), byte(i + 1)}
				if i == 0 {
					continue
				}
				call := Span{Trace: spans[i].Trace, ID: trace.SpanID{byte(n + 1), byte(i + 1), 9}, Parent: spans[i-1].ID}
				spans[i].Parent = call.ID
				offset := time.Duration(rapid.IntRange(-3600, 3600).Draw(t, "offset")) * time.Second
				spans[i].Start, spans[i].End = spans[i].Start.Add(offset), spans[i].End.Add(offset)
				all = append(all, call)
			}
			all = append(all, spans...)
		}
		for i := range all { // the second took another path
			if s := &all[i]; s.Name == chordevent.SpanLookupHop && s.ID[0] == 2 && s.Index == 1 {
				s.Node = node(41)
			}
		}
		a := NewAssembler(0)
		for _, s := range rapid.Permutation(all).Draw(t, "order") {
			a.Add(s, t0)
		}
		found := a.Advance(t0.Add(Settle))
		if len(found) != 2 {
			t.Fatalf("%d lookups", len(found))
		}
		for _, l := range found {
			want := node(42)
			if l.Span[0] == 2 {
				want = node(41)
			}
			if len(l.Hops) != 4 || l.Hops[1].ID != want {
				t.Fatalf("lookup %v: %+v", l.Span, l.Hops)
			}
		}
	})
}
