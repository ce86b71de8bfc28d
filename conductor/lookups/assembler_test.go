package lookups

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"
	"pgregory.net/rapid"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

var t0 = time.Unix(1790000000, 0).UTC()

func node(n byte) chord.ID { return chord.ID{19: n} }

// fromThePaper returns, as spans, lookup(54) from member 8, which visits 8 → 42 → 51 → 56 (ToN, Fig. 4).
func fromThePaper(id trace.TraceID) []Span {
	at := func(ms int) time.Time { return t0.Add(time.Duration(ms) * time.Millisecond) }
	root := Span{
		Trace: id, ID: trace.SpanID{1}, Name: chordevent.SpanLookup, Start: at(0), End: at(40), Node: node(8),
		Outcome: chordevent.OutcomeOK, Key: node(54), Mode: chordevent.ModeRecursive, Owner: node(56), HasOwner: true,
		Pointer: chordevent.PointerFinger, Slot: 5,
	}
	hop := func(n byte, index, ms int, pointer string, slot int) Span {
		return Span{
			Trace: id, ID: trace.SpanID{byte(10 + index)}, Name: chordevent.SpanLookupHop, Start: at(ms), End: at(ms + 5),
			Node: node(n), Key: node(54), Mode: chordevent.ModeRecursive, Index: index, Pointer: pointer, Slot: slot,
		}
	}
	return []Span{
		root,
		hop(42, 1, 10, chordevent.PointerFinger, 3),
		hop(51, 2, 20, chordevent.PointerSuccessor, 0),
		hop(56, 3, 30, chordevent.PointerSelf, 0),
	}
}

func wholePath() []Hop {
	return []Hop{
		{ID: node(8), Pointer: chordevent.PointerSelf},
		{ID: node(42), Pointer: chordevent.PointerFinger, Slot: 5, At: 10 * time.Millisecond},
		{ID: node(51), Pointer: chordevent.PointerFinger, Slot: 3, At: 20 * time.Millisecond},
		{ID: node(56), Pointer: chordevent.PointerSuccessor, At: 30 * time.Millisecond},
	}
}

func TestCompleteLookupIsToldAtOnce(t *testing.T) {
	a := NewAssembler(0)
	for _, s := range fromThePaper(trace.TraceID{1}) {
		a.Add(s, t0)
	}
	got := a.Advance(t0)
	if len(got) != 1 {
		t.Fatalf("%d lookups, want 1", len(got))
	}
	want := Lookup{
		Trace: trace.TraceID{1}, Span: trace.SpanID{1}, Start: t0, Duration: 40 * time.Millisecond, Operation: "lookup",
		Mode: chordevent.ModeRecursive, Key: node(54), Hops: wholePath(), Outcome: Success, Whole: true,
	}
	if !reflect.DeepEqual(got[0], want) {
		t.Errorf("got  %+v\nwant %+v", got[0], want)
	}
	if again := a.Advance(t0.Add(Settle)); len(again) != 0 {
		t.Errorf("returned again: %+v", again)
	}
	if a.Advance(t0.Add(MaxAge)); a.Open() != 0 || a.Dropped() != 0 {
		t.Errorf("%d traces open and %d dropped at the end, want none", a.Open(), a.Dropped())
	}
}

// Whatever the order and duplication of spans, and however they are spread over time, the last result is the same.
func TestOrderOfSpansDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spans := fromThePaper(trace.TraceID{1})
		spans = append(spans, spans[rapid.IntRange(0, len(spans)-1).Draw(t, "twice")])
		spans = rapid.Permutation(spans).Draw(t, "order")
		a := NewAssembler(0)
		now := t0
		var last []Lookup
		for _, s := range spans {
			a.Add(s, now)
			now = now.Add(time.Duration(rapid.IntRange(0, 2000).Draw(t, "pause")) * time.Millisecond)
			last = append(last, a.Advance(now)...)
		}
		last = append(last, a.Advance(now.Add(Settle))...)
		if len(last) == 0 || !reflect.DeepEqual(last[len(last)-1].Hops, wholePath()) {
			t.Fatalf("last result: %+v", last)
		}
	})
}

func TestMissingHopsAreWaitedForThenLeftOut(t *testing.T) {
	spans := fromThePaper(trace.TraceID{1})
	a := NewAssembler(0)
	a.Add(spans[0], t0)
	a.Add(spans[1], t0)
	if got := a.Advance(t0.Add(Settle - 1)); len(got) != 0 {
		t.Fatalf("returned too early: %+v", got)
	}
	got := a.Advance(t0.Add(Settle))
	if len(got) != 1 {
		t.Fatalf("%d lookups after the settle time, want 1", len(got))
	}
	want := append(wholePath()[:2:2], Hop{ID: node(56), Pointer: chordevent.PointerFinger, Slot: 3, At: -1})
	if !reflect.DeepEqual(got[0].Hops, want) {
		t.Errorf("got %+v, want the two known members and the owner", got[0].Hops)
	}

	a.Add(spans[3], t0.Add(time.Second))
	a.Add(spans[2], t0.Add(time.Second))
	if got = a.Advance(t0.Add(time.Second)); len(got) != 1 || !reflect.DeepEqual(got[0].Hops, wholePath()) {
		t.Errorf("after the late hops: %+v, want the whole path", got)
	}
}

func TestOutcomes(t *testing.T) {
	finish := func(change func([]Span)) Lookup {
		spans := fromThePaper(trace.TraceID{1})
		change(spans)
		a := NewAssembler(0)
		for _, s := range spans {
			a.Add(s, t0)
		}
		return a.Advance(t0.Add(Settle))[0]
	}
	if l := finish(func(s []Span) { s[0].Timeouts, s[2].Timeouts = 3, 2 }); l.Outcome != Timeouts || l.Hops[3].Timeouts != 2 || l.Hops[1].Timeouts != 1 {
		t.Errorf("timeouts on the path: %+v", l)
	}
	if l := finish(func(s []Span) { s[0].Outcome, s[0].HasOwner = chordevent.OutcomeFailed, false }); l.Outcome != Failed || l.Err == "" {
		t.Errorf("no answer: %+v", l)
	}
	if l := finish(func(s []Span) { s[0].Err = "no live candidate" }); l.Outcome != Failed || l.Err != "no live candidate" {
		t.Errorf("error status: %+v", l)
	}
}

// A recursive lookup that failed on its way continues iteratively. The result is the path that led to the owner.
func TestIterativeAfterRecursive(t *testing.T) {
	spans := fromThePaper(trace.TraceID{1})
	lost := append([]Span{}, spans[1])
	root, again := spans[0], spans[1:4]
	root.Timeouts = 1
	for i := range lost {
		lost[i].ID[7] = 9
	}
	for i := range again {
		again[i].Mode = chordevent.ModeIterative
		again[i].Start = again[i].Start.Add(time.Second)
	}
	stray := again[1] // of a try in between, which reached another member
	stray.ID, stray.Node, stray.Start = trace.SpanID{77}, node(48), stray.Start.Add(-time.Millisecond)
	beyond := again[2]
	beyond.ID, beyond.Node, beyond.Index = trace.SpanID{78}, node(1), 4
	a := NewAssembler(0)
	for _, s := range slices.Concat(again, lost, []Span{beyond, stray, root}) {
		a.Add(s, t0)
	}
	got := a.Advance(t0.Add(Settle))
	if len(got) != 1 || got[0].Outcome != Timeouts {
		t.Fatalf("got %+v", got)
	}
	var way []byte
	for _, h := range got[0].Hops {
		way = append(way, h.ID[19])
	}
	if !slices.Equal(way, []byte{8, 42, 51, 56}) {
		t.Errorf("the path is %v, want 8 42 51 56", way)
	}
}

func TestUnsampledFailureTellsItsPath(t *testing.T) {
	a := NewAssembler(0)
	a.Add(Span{
		Trace: trace.TraceID{1}, ID: trace.SpanID{1}, Name: chordevent.SpanLookup, Node: node(8), Start: t0, End: t0,
		Outcome: chordevent.OutcomeFailed, Path: []chord.ID{node(8), node(42)},
	}, t0)
	got := a.Advance(t0.Add(Settle))
	want := []Hop{{ID: node(8), Pointer: chordevent.PointerSelf}, {ID: node(42), At: -1}}
	if len(got) != 1 || !reflect.DeepEqual(got[0].Hops, want) {
		t.Errorf("got %+v, want hops %+v", got, want)
	}
}

// The span of a get ends after its lookup's, and may come in a later batch.
func TestOperationIsWaitedFor(t *testing.T) {
	spans := fromThePaper(trace.TraceID{1})
	spans[0].Parent = trace.SpanID{99}
	a := NewAssembler(0)
	for _, s := range spans {
		a.Add(s, t0)
	}
	if got := a.Advance(t0); len(got) != 0 {
		t.Fatalf("returned before its operation is known: %+v", got)
	}
	a.Add(Span{Trace: trace.TraceID{1}, ID: trace.SpanID{99}, Name: chordevent.SpanPut}, t0)
	if got := a.Advance(t0); len(got) != 1 || got[0].Operation != "put" {
		t.Errorf("got %+v, want a put", got)
	}
}

// A get that retries is two lookups in one trace, each with its own hops.
func TestTwoLookupsOfOneTrace(t *testing.T) {
	first, second := fromThePaper(trace.TraceID{1}), fromThePaper(trace.TraceID{1})
	get := Span{Trace: trace.TraceID{1}, ID: trace.SpanID{99}, Name: chordevent.SpanGet, Start: t0, End: t0.Add(2 * time.Second)}
	first[0].Parent, second[0].Parent = get.ID, get.ID
	first = first[:2]
	first[0].Outcome, first[0].HasOwner = chordevent.OutcomeFailed, false
	for i := range second {
		second[i].ID[7] = 2
		second[i].Start, second[i].End = second[i].Start.Add(time.Second), second[i].End.Add(time.Second)
	}
	a := NewAssembler(0)
	for _, s := range slices.Concat([]Span{get}, second, first) {
		a.Add(s, t0)
	}
	got := a.Advance(t0.Add(Settle))
	if len(got) != 2 {
		t.Fatalf("%d lookups, want 2", len(got))
	}
	if got[0].Outcome != Failed || len(got[0].Hops) != 2 || got[0].Operation != "get" {
		t.Errorf("first: %+v", got[0])
	}
	if !reflect.DeepEqual(got[1].Hops, wholePath()) || got[1].Operation != "get" {
		t.Errorf("second: %+v", got[1])
	}
}

func TestTableIsBounded(t *testing.T) {
	a := NewAssembler(0)
	for i := range 2 * MaxTraces {
		s := fromThePaper(trace.TraceID{byte(i), byte(i >> 8), 1})[1]
		a.Add(s, t0)
	}
	if a.Open() != MaxTraces || a.Dropped() != MaxTraces {
		t.Errorf("%d open and %d dropped, want %d each", a.Open(), a.Dropped(), MaxTraces)
	}
	for i := range 2 * maxTraceSpans {
		a.Add(Span{Trace: trace.TraceID{15: 9}, ID: trace.SpanID{byte(i), byte(i >> 8), 1}, Name: chordevent.SpanLookupHop}, t0)
	}
	if n := len(a.open[trace.TraceID{15: 9}].spans); n != maxTraceSpans {
		t.Errorf("%d spans of one trace, want %d", n, maxTraceSpans)
	}
	for i := range MaxSpans + 1000 {
		id := trace.TraceID{byte(i / 100), byte(i / 100 >> 8), 2}
		a.Add(Span{Trace: id, ID: trace.SpanID{byte(i), byte(i >> 8), byte(i >> 16), 1}, Name: chordevent.SpanLookupHop}, t0)
	}
	if a.spans > MaxSpans || a.spans < MaxSpans-maxTraceSpans {
		t.Errorf("%d spans open, want %d at most, and near it", a.spans, MaxSpans)
	}
	a.Advance(t0.Add(MaxAge))
	if a.Open() != 0 || len(a.order) != 0 || a.spans != 0 {
		t.Errorf("%d traces, %d entries and %d spans left after the age limit", a.Open(), len(a.order), a.spans)
	}
}
