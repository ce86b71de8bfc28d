package lookups

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

func fatSpan(i int) Span {
	long := func() string { return strings.Clone(strings.Repeat("x", maxText)) }
	return Span{
		Trace: trace.TraceID{byte(i), byte(i >> 8), 3}, ID: trace.SpanID{byte(i), byte(i >> 8), 1}, Name: chordevent.SpanLookupHop,
		Outcome: long(), Err: long(), Mode: long(), Pointer: long(), Path: make([]chord.ID, maxPath),
	}
}

func held() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// The memory of open traces is bounded whatever their spans contain, and the counted bytes are close to the memory that
// they take.
func TestOpenTracesAreBoundedInBytes(t *testing.T) {
	const most = 4 << 20
	for name, span := range map[string]func(int) Span{
		"fat": fatSpan,
		"slim": func(i int) Span {
			return fromThePaper(trace.TraceID{byte(i), byte(i >> 8), byte(i >> 16), 1})[1]
		},
		"of one trace": func(i int) Span {
			s := fatSpan(i)
			s.Trace = trace.TraceID{byte(i >> 8), 9}
			return s
		},
	} {
		before := held()
		a := NewAssembler(most)
		for i := range 40_000 {
			a.Add(span(i), t0)
			if a.Bytes() > most {
				t.Fatalf("%s: %d bytes of %d", name, a.Bytes(), most)
			}
			if i%1000 == 0 {
				a.Advance(t0.Add(time.Duration(i) * time.Microsecond))
			}
		}
		if name != "slim" && a.Crowded() == 0 {
			t.Errorf("%s: nothing was dropped", name)
		}
		if now := held() - before; a.Bytes() < now/3 || a.Bytes() > 2*now {
			t.Errorf("%s: %d bytes are held and %d counted", name, now, a.Bytes())
		}
		a.Advance(t0.Add(MaxAge + time.Minute))
		if a.Bytes() != 0 || a.Open() != 0 {
			t.Errorf("%s: %d bytes of %d traces are counted at the end", name, a.Bytes(), a.Open())
		}
	}
}

// The memory of the series of durations is bounded in the same way.
func TestSeriesAreBoundedInBytes(t *testing.T) {
	const most = 1 << 20
	r := NewRates(most)
	point := func(i, at int) Point {
		return Point{
			series: uint64(i), start: t0, time: t0.Add(time.Duration(at) * time.Second), count: uint64(at),
			bounds: make([]float64, maxBuckets-1), buckets: make([]uint64, maxBuckets),
		}
	}
	for at := 1; at < 4; at++ {
		for i := range 2 * maxSeries {
			r.Add(point(i, at), t0.Add(time.Duration(at)*time.Second))
		}
		if r.Bytes() > most || r.Bytes() < most/2 || r.Crowded() == 0 {
			t.Errorf("%d bytes of %d, %d points were left out", r.Bytes(), most, r.Crowded())
		}
	}
	if rate, _, _, known := r.Now(t0.Add(4 * time.Second)); !known || rate <= 0 {
		t.Errorf("what fits does not count: %v, %v", rate, known)
	}
	if r.Now(t0.Add(time.Hour)); r.Bytes() != 0 {
		t.Errorf("%d bytes are counted of no series", r.Bytes())
	}
}
