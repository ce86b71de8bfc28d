package histogram

import (
	"math"
	"math/bits"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

var scales = rapid.Custom(func(t *rapid.T) Scale { return Scale(rapid.IntRange(0, 10).Draw(t, "scale")) })

// numbers draws numbers; every size is equally likely.
var numbers = rapid.Custom(func(t *rapid.T) uint64 {
	return rapid.Uint64Range(0, math.MaxUint64>>1).Draw(t, "number") >> rapid.IntRange(0, 63).Draw(t, "bits less")
})

// Each number is in one bucket, and buckets follow each other without a gap; none is wider than the scale allows.
func TestBuckets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, n := scales.Draw(t, "scale"), numbers.Draw(t, "n")
		b := s.Bucket(n)
		low, middle, top := s.Low(b), s.Middle(b), s.Top(b)
		if low > n || n > top || middle < low || middle > top || b < 0 || b >= s.Len(bits.Len64(n)) && n>>s > 0 {
			t.Fatalf("%d is in bucket %d of %d, from %d over %d to %d", n, b, s.Len(bits.Len64(n)), low, middle, top)
		}
		if s.Bucket(low) != b || s.Bucket(top) != b || s.Bucket(top+1) != b+1 || low > 0 && s.Bucket(low-1) != b-1 {
			t.Fatalf("bucket %d: %d to %d is not what is in it", b, low, top)
		}
		if top-low > low>>s || middle-low > low>>s/2+1 {
			t.Fatalf("bucket %d from %d is %d wide", b, low, top-low+1)
		}
	})
	for s := range Scale(11) {
		for _, width := range []int{1, 20, 41, 63} {
			if width > int(s) && s.Bucket(1<<width-1) != s.Len(width)-1 {
				t.Errorf("scale %d: the greatest number of %d bits is in bucket %d of %d", s, width, s.Bucket(1<<width-1), s.Len(width))
			}
		}
	}
}

// A quantile from buckets is off by less than the scale allows.
func TestFind(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, list := scales.Draw(t, "scale"), rapid.SliceOfN(numbers, 1, 200).Draw(t, "list")
		counts := make([]uint32, s.Len(63))
		for _, n := range list {
			counts[s.Bucket(n)]++
		}
		slices.Sort(list)
		rank := rapid.IntRange(1, len(list)).Draw(t, "rank")
		exact := list[rank-1]
		b := Find(counts, uint64(rank))
		if b != s.Bucket(exact) {
			t.Fatalf("number %d of %d is %d, found in bucket %d", rank, len(list), exact, b)
		}
		if off := s.Top(b) - exact; off > 0 && float64(off) >= float64(exact)/float64(uint64(1)<<s) {
			t.Fatalf("%d taken for %d: off by more than 1 part in %d", exact, s.Top(b), 1<<s)
		}
		if off := math.Abs(float64(s.Middle(b)) - float64(exact)); off > float64(exact)/float64(uint64(2)<<s) {
			t.Fatalf("%d taken for %d: off by more than 1 part in %d", exact, s.Middle(b), 2<<s)
		}
		if first := Find(counts, 0); first != 0 {
			t.Fatalf("nothing is found in bucket %d", first)
		}
		if b := Find(counts, uint64(len(list)+1)); b != len(counts)-1 {
			t.Fatalf("one more than there are is found in bucket %d", b)
		}
	})
}
