package load

import "chordconductor/conductor/internal/histogram"

const (
	scale   = 5 // 32 buckets per power of two: a bucket is 3 % wide at most
	buckets = (63 - scale + 1) << scale
)

// A Histogram counts values of 0 or more in buckets that grow with the value (log-linear), so that percentiles are
// right to 3 % from microseconds to days, with counters of 15 KiB. The zero value is ready for use. It is not safe for
// concurrent use.
type Histogram struct {
	counts [buckets]uint32
	n      uint64
	sum    float64
	max    int64
}

// Add counts one value; a negative value counts as 0.
func (h *Histogram) Add(v int64) {
	v = max(v, 0)
	h.counts[histogram.Scale(scale).Bucket(uint64(v))]++
	h.n++
	h.sum += float64(v)
	h.max = max(h.max, v)
}

// Merge adds the counts of another histogram.
func (h *Histogram) Merge(o *Histogram) {
	for i, c := range o.counts {
		h.counts[i] += c
	}
	h.n += o.n
	h.sum += o.sum
	h.max = max(h.max, o.max)
}

// Count returns the number of values added.
func (h *Histogram) Count() uint64 { return h.n }

// Max returns the greatest value added; 0 if there is none.
func (h *Histogram) Max() int64 { return h.max }

// Mean returns the mean of the values added; 0 if there is none.
func (h *Histogram) Mean() float64 {
	if h.n == 0 {
		return 0
	}
	return h.sum / float64(h.n)
}

// Quantile returns a value that a share q of all values does not exceed, to the bucket's precision.
func (h *Histogram) Quantile(q float64) int64 {
	if h.n == 0 {
		return 0
	}
	return min(top(histogram.Find(h.counts[:], uint64(q*float64(h.n-1))+1)), h.max)
}

// A Bucket is one counted interval, up to and including Top.
type Bucket struct {
	Top   int64  `json:"top"`
	Count uint64 `json:"count"`
}

// Buckets lists the intervals that hold values.
func (h *Histogram) Buckets() []Bucket {
	var out []Bucket
	for i, c := range h.counts {
		if c > 0 {
			out = append(out, Bucket{top(i), uint64(c)})
		}
	}
	return out
}

func top(bucket int) int64 { return int64(histogram.Scale(scale).Top(bucket)) }
