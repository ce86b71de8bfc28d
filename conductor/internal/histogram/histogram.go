// Package histogram divides the whole numbers from 0 on into buckets that grow with the numbers (log-linear), so that a
// fixed number of counters gives quantiles with a bounded relative error.
package histogram

import "math/bits"

// A Scale has 1<<scale buckets for each power of two: a bucket is wider than one number only from 2<<scale on, and its
// width is there at most its least number >> scale. So its greatest number exceeds each of the others by less than
// 1 part in 1<<scale, and its middle differs from each by at most 1 part in 2<<scale.
type Scale uint

// Len returns the number of buckets for numbers below 1<<bits. As a constant: (bits - scale + 1) << scale.
func (s Scale) Len(bits int) int { return (bits - int(s) + 1) << s }

// Bucket returns the bucket of a number, from 0 on. Numbers below 2<<s have a bucket each; of greater numbers, the
// position of the first bit and the s bits after it determine the bucket.
func (s Scale) Bucket(n uint64) int {
	if n < 2<<s {
		return int(n)
	}
	shift := bits.Len64(n) - int(s) - 1
	return shift<<s + int(n>>shift)
}

// Low returns the least number of a bucket.
func (s Scale) Low(bucket int) uint64 {
	shift := s.shift(bucket)
	return uint64(bucket-shift<<s) << shift
}

// Top returns the greatest number of a bucket.
func (s Scale) Top(bucket int) uint64 { return s.Low(bucket) + 1<<s.shift(bucket) - 1 }

// Middle returns the number in the middle of a bucket; the greater one if there are two.
func (s Scale) Middle(bucket int) uint64 { return s.Low(bucket) + 1<<s.shift(bucket)/2 }

// shift returns the binary logarithm of a bucket's width.
func (s Scale) shift(bucket int) int { return max(bucket>>s-1, 0) }

// Find returns the bucket of the number with the given rank among those counted: rank 1 is the least number. It returns
// the first bucket for rank 0, and the last one if fewer numbers are counted.
func Find[N uint32 | uint64](counts []N, rank uint64) int {
	var seen uint64
	for bucket, n := range counts {
		if seen += uint64(n); seen >= rank {
			return bucket
		}
	}
	return len(counts) - 1
}
