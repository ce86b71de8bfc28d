package lookups

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/trace"
	"pgregory.net/rapid"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

func TestDecodeKeepsLookupsAlone(t *testing.T) {
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for _, name := range []string{"GET /", "chord.v1.Ring/Forward", chordevent.SpanRectify} {
		spans.AppendEmpty().SetName(name)
	}
	s := spans.AppendEmpty()
	s.SetName(chordevent.SpanLookupHop)
	s.SetTraceID(pcommon.TraceID{1})
	s.SetSpanID(pcommon.SpanID{2})
	s.SetParentSpanID(pcommon.SpanID{3})
	s.SetStartTimestamp(pcommon.NewTimestampFromTime(t0))
	s.SetEndTimestamp(pcommon.NewTimestampFromTime(t0.Add(time.Second)))
	s.Status().SetCode(ptrace.StatusCodeError)
	a := s.Attributes()
	a.PutStr(string(chordevent.NodeIDKey), "08")
	a.PutStr(string(chordevent.LookupKeyKey), "36")
	a.PutStr(string(chordevent.LookupModeKey), chordevent.ModeIterative)
	a.PutInt(string(chordevent.LookupHopKey), 2)
	a.PutStr(string(chordevent.LookupPointerKey), chordevent.PointerFinger)
	a.PutInt(string(chordevent.LookupSlotKey), 5)
	a.PutInt(string(chordevent.LookupTimeoutsKey), 1)
	got := Decode(td)
	want := []Span{{
		Trace: trace.TraceID{1}, ID: trace.SpanID{2}, Parent: trace.SpanID{3}, Name: chordevent.SpanLookupHop,
		Start: t0, End: t0.Add(time.Second), Node: node(8), Err: "failed", Key: node(0x36), Mode: chordevent.ModeIterative,
		Index: 2, Pointer: chordevent.PointerFinger, Slot: 5, Timeouts: 1,
	}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// Attributes of the wrong type or size are read as absent.
func TestDecodeSurvivesNonsense(t *testing.T) {
	td := ptrace.NewTraces()
	s := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	s.SetName(chordevent.SpanLookup)
	s.Status().SetMessage(strings.Repeat("x", 1<<20))
	a := s.Attributes()
	a.PutInt(string(chordevent.NodeIDKey), 8)
	a.PutStr(string(chordevent.LookupKeyKey), "not hex")
	a.PutStr(string(chordevent.LookupModeKey), "\xff")
	a.PutInt(string(chordevent.LookupTimeoutsKey), math.MinInt64)
	a.PutInt(string(chordevent.LookupSlotKey), math.MaxInt64)
	path := a.PutEmptySlice(string(chordevent.LookupPathKey))
	for range maxPath + 1 {
		path.AppendEmpty().SetStr("0a")
	}
	got := Decode(td)[0]
	if got.Node != (chord.ID{}) || got.Key != (chord.ID{}) || got.Mode != "" || got.Timeouts != 0 || got.Slot != maxCount || got.Path != nil || got.Err != "" {
		t.Errorf("%+v", got)
	}
}

func TestIDsAreReadAsPackageChordDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.StringMatching("[0-9a-fA-F]{0,42}"), rapid.String()).Draw(t, "text")
		want, err := chord.ParseID(text)
		got, ok := id(pcommon.NewValueStr(text))
		if ok != (err == nil) || got != want {
			t.Fatalf("%q: %x %v, want %x %v", text, got, ok, want, err)
		}
	})
}

// histogram is a batch with one point of chord.lookup.duration.
func histogram(instance string, start, at time.Time, counts ...uint64) pmetric.Metrics {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("service.instance.id", instance)
	m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName(chordevent.LookupDuration.Name)
	h := m.SetEmptyHistogram()
	h.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	p := h.DataPoints().AppendEmpty()
	p.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
	p.SetTimestamp(pcommon.NewTimestampFromTime(at))
	p.ExplicitBounds().FromRaw([]float64{.01, .1})
	p.BucketCounts().FromRaw(counts)
	for _, n := range counts {
		p.SetCount(p.Count() + n)
	}
	return md
}

func TestRates(t *testing.T) {
	r := NewRates(0)
	add := func(md pmetric.Metrics, now time.Time) {
		for _, p := range DecodeMetrics(md) {
			r.Add(p, now)
		}
	}
	expect := func(now time.Time, rate float64) {
		t.Helper()
		if got, _, _, known := r.Now(now); !known || math.Abs(got-rate) > 1e-9 {
			t.Errorf("at %v: %v lookups per second (known: %v), want %v", now.Sub(t0), got, known, rate)
		}
	}
	if _, _, _, known := r.Now(t0); known {
		t.Error("known before anything was heard")
	}
	at := func(s int) time.Time { return t0.Add(time.Duration(s) * time.Second) }

	add(histogram("a", at(0), at(10), 50, 50, 0), at(10))
	expect(at(10), 10) // a young process counts from its start
	add(histogram("a", at(0), at(20), 50, 90, 10), at(20))
	expect(at(20), 5)
	_, p50, p99, _ := r.Now(at(20))
	if p50 < 50*time.Millisecond || p50 > 70*time.Millisecond || p99 != 100*time.Millisecond {
		t.Errorf("median %v and p99 %v of 40 lookups from 10 to 100 ms and 10 beyond", p50, p99)
	}
	add(histogram("a", at(0), at(20), 50, 90, 10), at(21)) // sent twice
	add(histogram("a", at(0), at(10), 50, 50, 0), at(22))  // late
	expect(at(22), 5)

	add(histogram("b", at(-1000), at(22), 9000, 0, 0), at(22)) // an old process heard for the first time
	expect(at(22), 5)
	add(histogram("b", at(-1000), at(32), 9010, 0, 0), at(32))
	expect(at(32), 6)
	add(histogram("a", at(30), at(40), 20, 0, 0), at(40)) // a restarted: it counts anew
	expect(at(40), 3)
	if _, _, _, known := r.Now(at(40).Add(time.Hour)); known || len(r.series) != 0 {
		t.Error("silent series are remembered for ever")
	}
}

func TestRatesAreBounded(t *testing.T) {
	r := NewRates(0)
	for i := range uint64(2 * maxSeries) {
		r.Add(Point{series: i, start: t0, time: t0.Add(time.Second), count: 1}, t0.Add(time.Second))
	}
	if len(r.series) != maxSeries {
		t.Errorf("%d series, want %d", len(r.series), maxSeries)
	}
}
