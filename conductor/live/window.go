package live

import (
	"math"
	"time"

	"chordconductor/conductor/internal/histogram"
)

const (
	windowSeconds = 10
	scale         = 3  // 8 buckets per power of two: a quantile is off by 6 % at most
	topBits       = 41 // durations of 2^41 µs (25 days) and more share the last bucket
	numBuckets    = (topBits - scale + 1) << scale
)

// A window is a histogram of the durations of the last ten seconds. Its size is fixed: one row of buckets per second.
type window struct {
	rows   [windowSeconds][numBuckets]uint32
	second int64 // Unix second of the newest row
}

func (w *window) add(now time.Time, d time.Duration) {
	w.roll(now)
	w.rows[w.second%windowSeconds][bucketOf(d)]++
}

// roll clears the rows of the seconds that have begun since the last call.
func (w *window) roll(now time.Time) {
	second := max(now.Unix(), 0)
	for n := min(second-w.second, windowSeconds); n > 0; n-- {
		w.rows[(second-n+1)%windowSeconds] = [numBuckets]uint32{}
	}
	w.second = max(w.second, second)
}

// quantiles returns the durations below which the shares qs of all durations lie; zeroes if none were added.
func (w *window) quantiles(now time.Time, qs ...float64) []time.Duration {
	w.roll(now)
	var sums [numBuckets]uint64
	var total uint64
	for r := range w.rows {
		for b, n := range w.rows[r] {
			sums[b] += uint64(n)
			total += uint64(n)
		}
	}
	out := make([]time.Duration, len(qs))
	if total == 0 {
		return out
	}
	for i, q := range qs {
		bucket := histogram.Find(sums[:], uint64(math.Ceil(q*float64(total))))
		out[i] = time.Duration(histogram.Scale(scale).Middle(bucket)) * time.Microsecond
	}
	return out
}

func bucketOf(d time.Duration) int {
	return min(histogram.Scale(scale).Bucket(uint64(max(d, 0)/time.Microsecond)), numBuckets-1)
}
