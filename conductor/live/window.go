package live

import (
	"math/bits"
	"time"
)

const (
	windowSeconds = 10
	subBuckets    = 8  // per power of two: a quantile is off by 6 % at most
	topExponent   = 40 // durations of 2^40 µs (12 days) and more share the last bucket
	numBuckets    = subBuckets + (topExponent-2)*subBuckets
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

// quantiles returns the durations below which the shares qs (ascending) lie; zeroes if nothing was added.
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
	var below uint64
	next := 0
	for b, n := range sums {
		below += n
		for next < len(qs) && float64(below) >= qs[next]*float64(total) {
			out[next] = middleOf(b)
			next++
		}
	}
	return out
}

func bucketOf(d time.Duration) int {
	us := uint64(max(d, 0) / time.Microsecond)
	if us < subBuckets {
		return int(us)
	}
	exponent := bits.Len64(us) - 1
	if exponent > topExponent {
		return numBuckets - 1
	}
	return (exponent-2)*subBuckets + int(us>>(exponent-3))&(subBuckets-1)
}

func middleOf(bucket int) time.Duration {
	if bucket < subBuckets {
		return time.Duration(bucket) * time.Microsecond
	}
	exponent := bucket/subBuckets + 2
	low := uint64(subBuckets+bucket%subBuckets) << (exponent - 3)
	return time.Duration(low+uint64(1)<<(exponent-3)/2) * time.Microsecond
}
