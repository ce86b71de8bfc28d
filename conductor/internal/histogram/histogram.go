// Package histogram divides the whole numbers from 0 on into buckets that grow with the numbers (log-linear), so that
// counts of fixed size show quantiles with a bounded relative error.
package histogram

import "math/bits"

// A Scale has 1<<scale buckets for each power of two: a bucket is wider than one number only from 2<<scale on, and its
// width is there at most its least number >> scale. So its greatest number exceeds each of the others by less than
// 1 part in 1<<scale, and its middle differs from each by at most 1 part in 2<<scale.
type Scale uint

// Len is the number of buckets for numbers below 1<<bits. As a constant: (bits - scale + 1) << scale.
func (s Scale) Len(bits int) int { return (bits - int(s) + 1) << s }

// Bucket is a number's bucket, from 0 on: numbers below 2<<s have one each; above, the first s+1 bits choose.
func (s Scale) Bucket(n uint64) int {
	if n < 2<<s {
		return int(n)
	}
	shift := bits.Len64(n) - int(s) - 1
	return shift<<s + int(n>>shift)
}

// Low is the least number of a bucket.
func (s Scale) Low(bucket int) uint64 {
	shift := s.shift(bucket)
	return uint64(bucket-shift<<s) << shift
}

// Top is the greatest number of a bucket.
func (s Scale) Top(bucket int) uint64 { return s.Low(bucket) + 1<<s.shift(bucket) - 1 }

// Middle is the number in the middle of a bucket; the greater of two.
func (s Scale) Middle(bucket int) uint64 { return s.Low(bucket) + 1<<s.shift(bucket)/2 }

// shift is the logarithm of a bucket's width.
func (s Scale) shift(bucket int) int { return max(bucket>>s-1, 0) }

// Find returns the bucket of the number that is the rank-th in ascending order, from 1 on, of those counted; the first
// bucket for 0, and the last one if fewer are counted.
func Find[N uint32 | uint64](counts []N, rank uint64) int {
	var seen uint64
	for bucket, n := range counts {
		if seen += uint64(n); seen >= rank {
			return bucket
		}
	}
	return len(counts) - 1
}
