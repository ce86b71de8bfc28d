package lookups

import (
	"hash/maphash"
	"math"
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"chordconductor/otel/chordevent"
)

const (
	// maxSeries bounds the series (process, mode, outcome) whose last point is kept; further series are not counted.
	maxSeries = 4096
	// maxBuckets bounds the buckets of one point; the distribution of a point with more is ignored.
	maxBuckets = 128
	// hold is the least time for which a series without a new point still contributes to the rate; the longest usual
	// export interval is a minute.
	hold = 75 * time.Second
	// fresh is the greatest age of a series whose first point contributes everything since the series began. The first
	// point of an older series covers a past that is not part of the present rate.
	fresh = time.Minute
	// longest bounds quantiles: the bounds of buckets come from outside, and may be of any size.
	longest = 24 * time.Hour
)

// A Point is a point of the histogram chord.lookup.duration, which counts every lookup; spans are sampled.
type Point struct {
	series      uint64
	start, time time.Time
	delta       bool
	count       uint64
	bounds      []float64 // seconds
	buckets     []uint64  // one entry more than bounds; empty: no distribution
}

var seed = maphash.MakeSeed()

// DecodeMetrics selects the points of lookups. It copies what it keeps and never changes md.
func DecodeMetrics(md pmetric.Metrics) []Point {
	var out []Point
	for _, rm := range md.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				if m.Name() != chordevent.LookupDuration.Name || m.Type() != pmetric.MetricTypeHistogram {
					continue
				}
				delta := m.Histogram().AggregationTemporality() == pmetric.AggregationTemporalityDelta
				for _, p := range m.Histogram().DataPoints().All() {
					out = append(out, decodePoint(rm.Resource(), p, delta))
				}
			}
		}
	}
	return out
}

func decodePoint(res pcommon.Resource, p pmetric.HistogramDataPoint, delta bool) Point {
	out := Point{
		series: seriesOf(res.Attributes(), p.Attributes()), delta: delta,
		start: p.StartTimestamp().AsTime(), time: p.Timestamp().AsTime(), count: p.Count(),
	}
	if n := p.BucketCounts().Len(); n == p.ExplicitBounds().Len()+1 && n <= maxBuckets {
		out.bounds, out.buckets = p.ExplicitBounds().AsRaw(), p.BucketCounts().AsRaw()
	}
	return out
}

// seriesOf returns a hash of a point's identity. It adds up hashes, so that the order of attributes does not matter.
func seriesOf(maps ...pcommon.Map) uint64 {
	var sum uint64
	for i, m := range maps {
		for key, v := range m.All() {
			var h maphash.Hash
			h.SetSeed(seed)
			h.WriteByte(byte(i))
			h.WriteString(key)
			h.WriteByte(0)
			h.WriteString(v.AsString())
			sum += h.Sum64()
		}
	}
	return sum
}

// Rates computes the present lookups per second, and their duration, from the points of all processes. It is not safe
// for concurrent use.
type Rates struct {
	series  map[uint64]*series
	bytes   int64 // their memory
	most    int64 // bound of bytes; 0: only their number is bounded
	crowded uint64
}

// Bytes returns approximately the memory of the series.
func (r *Rates) Bytes() int64 { return r.bytes }

// Crowded returns the number of points that were left out for lack of memory.
func (r *Rates) Crowded() uint64 { return r.crowded }

type series struct {
	last  Point
	rate  float64   // lookups per second between the last two points
	rates []float64 // the same for each bucket
	until time.Time // the series contributes to the rate until then
}

// NewRates returns empty Rates that take at most `most` bytes: series that would need more are left out. 0: only the
// number of series is bounded.
func NewRates(most int64) *Rates { return &Rates{series: map[uint64]*series{}, most: most} }

// Add receives a point that arrived now.
func (r *Rates) Add(p Point, now time.Time) {
	s := r.series[p.series]
	if s == nil {
		if len(r.series) >= maxSeries {
			return
		}
		if r.most > 0 && r.bytes+p.sizeAsSeries() > r.most {
			r.crowded++
			return
		}
		s = &series{}
		r.series[p.series] = s
		r.bytes += s.size()
		if now.Sub(p.start) < fresh {
			s.last = Point{time: p.start, start: p.start}
		}
	}
	before := s.last
	switch {
	case p.delta:
		before = Point{time: p.start}
	case !p.start.Equal(before.start) && !before.start.IsZero():
		before = Point{time: p.start} // the process restarted its count
	}
	elapsed := p.time.Sub(before.time)
	if elapsed <= 0 || p.count < before.count {
		return // late, or sent twice
	}
	if r.most > 0 && r.bytes+p.sizeAsSeries()-s.size() > r.most {
		r.crowded++
		return // after hold the series no longer contributes
	}
	was := s.size()
	defer func() { r.bytes += s.size() - was }()
	s.last = p
	s.rate, s.rates = 0, nil
	s.until = now.Add(max(hold, 2*min(elapsed, 10*time.Minute)))
	if before.time.IsZero() {
		return // the first point of a series with a past: a baseline
	}
	s.rate = float64(p.count-before.count) / elapsed.Seconds()
	s.rates = make([]float64, len(p.buckets))
	for i, n := range p.buckets {
		if i < len(before.buckets) {
			n -= min(n, before.buckets[i])
		}
		s.rates[i] = float64(n) / elapsed.Seconds()
	}
}

// Now returns the lookups per second of all processes, and their median and 99th percentile. known is false while no
// process sends points.
func (r *Rates) Now(now time.Time) (perSecond float64, p50, p99 time.Duration, known bool) {
	byBound := map[uint64]float64{}
	for key, s := range r.series {
		if now.After(s.until) {
			delete(r.series, key)
			r.bytes -= s.size()
			continue
		}
		if s.rates == nil {
			continue
		}
		known = true
		perSecond += s.rate
		for i, rate := range s.rates {
			bound := math.Inf(1)
			if i < len(s.last.bounds) {
				bound = s.last.bounds[i]
			}
			byBound[math.Float64bits(bound)] += rate
		}
	}
	bounds := make([]float64, 0, len(byBound))
	for bits := range byBound {
		bounds = append(bounds, math.Float64frombits(bits))
	}
	slices.Sort(bounds)
	return perSecond, quantile(bounds, byBound, .5), quantile(bounds, byBound, .99), known
}

// quantile interpolates within the bucket of the quantile. In the last bucket, which has no upper bound, it returns the
// last bound.
func quantile(bounds []float64, byBound map[uint64]float64, q float64) time.Duration {
	var total, below, low float64
	for _, b := range bounds {
		total += byBound[math.Float64bits(b)]
	}
	for _, b := range bounds {
		rate := byBound[math.Float64bits(b)]
		if rate > 0 && below+rate >= q*total {
			if !math.IsInf(b, 1) {
				low += (b - low) * (q*total - below) / rate
			}
			break
		}
		below += rate
		low = b
	}
	if low <= 0 || math.IsInf(low, 0) || math.IsNaN(low) {
		return 0
	}
	if low >= longest.Seconds() {
		return longest
	}
	return time.Duration(low * float64(time.Second))
}
