package lookups

import (
	"math"
	"reflect"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/trace"
	"pgregory.net/rapid"

	"chordconductor/otel/chordevent"
)

func TestDecodeKeepsLookupsAlone(t *testing.T) {
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for _, name := range []string{"GET /", "chord.v1.Ring/Notify", chordevent.SpanRectify} {
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
	got, broken := Decode(td)
	if len(broken) != 0 {
		t.Error(broken)
	}
	want := []Span{{
		Trace: trace.TraceID{1}, ID: trace.SpanID{2}, Parent: trace.SpanID{3}, Name: chordevent.SpanLookupHop,
		Start: t0, End: t0.Add(time.Second), Node: node(8), Digits: 2, Err: "failed", Key: node(0x36), Mode: chordevent.ModeIterative,
		Index: 2, Pointer: chordevent.PointerFinger, Slot: 5, Timeouts: 1,
	}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// brokenSpan draws a span that has one thing wrong, and returns the attribute.
func brokenSpan(t *rapid.T) (td ptrace.Traces, attribute string, reason chordevent.Reason) {
	td = ptrace.NewTraces()
	s := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	s.SetName(rapid.SampledFrom([]string{chordevent.SpanLookup, chordevent.SpanLookupHop}).Draw(t, "name"))
	s.SetTraceID(pcommon.TraceID{1})
	s.SetSpanID(pcommon.SpanID{2})
	s.SetStartTimestamp(pcommon.Timestamp(rapid.Uint64Range(1, math.MaxInt64).Draw(t, "start")))
	s.SetEndTimestamp(pcommon.Timestamp(rapid.Uint64Range(1, math.MaxInt64).Draw(t, "end")))
	ids := []string{string(chordevent.NodeIDKey), string(chordevent.LookupKeyKey), string(chordevent.LookupOwnerKey), string(chordevent.PeerIDKey)}
	counts := []string{string(chordevent.LookupHopKey), string(chordevent.LookupSlotKey), string(chordevent.LookupTimeoutsKey)}
	texts := map[string]string{
		string(chordevent.LookupModeKey): chordevent.ModeRecursive, string(chordevent.OutcomeKey): chordevent.OutcomeOK,
		string(chordevent.LookupPointerKey): chordevent.PointerFinger,
	}
	a := s.Attributes()
	for _, key := range ids {
		a.PutStr(key, "0123456789abcdef")
	}
	for _, key := range counts {
		a.PutInt(key, 1)
	}
	for key, text := range texts {
		a.PutStr(key, text)
	}
	a.PutEmptySlice(string(chordevent.LookupPathKey)).AppendEmpty().SetStr("0123456789abcdef")
	switch rapid.SampledFrom([]string{"missing", "truncated", "type", "value", "range", "clock", "path"}).Draw(t, "wrong") {
	case "missing":
		attribute = ids[0]
		if rapid.Bool().Draw(t, "own") {
			if attribute = ids[1]; s.Name() == chordevent.SpanLookupHop {
				attribute = counts[0]
			}
		}
		a.Remove(attribute)
		return td, attribute, chordevent.ReasonMissing
	case "truncated":
		attribute = rapid.SampledFrom(ids[1:]).Draw(t, "key")
		a.PutStr(attribute, "0123456789abcdef"[:rapid.IntRange(0, 15).Draw(t, "length")])
		return td, attribute, chordevent.ReasonSyntax
	case "type":
		attribute = rapid.SampledFrom(append(append([]string{string(chordevent.LookupPathKey)}, ids...), counts...)).Draw(t, "key")
		a.PutDouble(attribute, 1)
		return td, attribute, chordevent.ReasonType
	case "value":
		attribute = rapid.SampledFrom([]string{string(chordevent.LookupModeKey), string(chordevent.LookupPointerKey), string(chordevent.OutcomeKey)}).Draw(t, "key")
		a.PutStr(attribute, rapid.StringMatching("[a-z]{0,3}x").Draw(t, "value"))
		return td, attribute, chordevent.ReasonValue
	case "range":
		attribute = rapid.SampledFrom(counts).Draw(t, "key")
		a.PutInt(attribute, rapid.OneOf(rapid.Int64Max(-1), rapid.Int64Min(maxCount+1)).Draw(t, "count"))
		return td, attribute, chordevent.ReasonRange
	case "clock":
		s.SetStartTimestamp(pcommon.Timestamp(rapid.OneOf(rapid.Just(uint64(0)), rapid.Uint64Min(math.MaxInt64+1)).Draw(t, "no clock")))
		return td, "start_time", chordevent.ReasonRange
	}
	path := a.PutEmptySlice(string(chordevent.LookupPathKey))
	for range maxPath + 1 {
		path.AppendEmpty().SetStr("0123456789abcdef")
	}
	return td, string(chordevent.LookupPathKey), chordevent.ReasonLength
}

// A span with anything wrong is rejected as a whole, and the error names what is wrong.
func TestDecodeIsStrict(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		td, attribute, reason := brokenSpan(t)
		spans, broken := Decode(td)
		if len(spans) != 0 || len(broken) != 1 || broken[0].Err.Attribute != attribute || broken[0].Err.Reason != reason {
			t.Fatalf("accepted %+v, refused %+v; want %s of %s", spans, broken, reason, attribute)
		}
	})
}

// histogram returns a batch with one point of chord.lookup.duration.
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
		t.Error("known before anything was received")
	}
	at := func(s int) time.Time { return t0.Add(time.Duration(s) * time.Second) }

	add(histogram("a", at(0), at(10), 50, 50, 0), at(10))
	expect(at(10), 10) // the count of a young process since its start
	add(histogram("a", at(0), at(20), 50, 90, 10), at(20))
	expect(at(20), 5)
	_, p50, p99, _ := r.Now(at(20))
	if p50 < 50*time.Millisecond || p50 > 70*time.Millisecond || p99 != 100*time.Millisecond {
		t.Errorf("median %v and p99 %v of 40 lookups from 10 to 100 ms and 10 beyond", p50, p99)
	}
	add(histogram("a", at(0), at(20), 50, 90, 10), at(21)) // sent twice
	add(histogram("a", at(0), at(10), 50, 50, 0), at(22))  // late
	expect(at(22), 5)

	add(histogram("b", at(-1000), at(22), 9000, 0, 0), at(22)) // an old process, received for the first time
	expect(at(22), 5)
	add(histogram("b", at(-1000), at(32), 9010, 0, 0), at(32))
	expect(at(32), 6)
	add(histogram("a", at(30), at(40), 20, 0, 0), at(40)) // process a restarted: its count begins again at 0
	expect(at(40), 3)
	if _, _, _, known := r.Now(at(40).Add(time.Hour)); known || len(r.series) != 0 {
		t.Error("silent series are remembered without limit")
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
