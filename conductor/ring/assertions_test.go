package ring

import (
	"testing"

	"chordconductor/otel/chordevent"
)

// TestAssertionsCount breaks each sum of a fold. It expects that the failed assertion is counted, and that the view is
// made nevertheless.
func TestAssertionsCount(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(*Ring)
	}{
		{chordevent.AssertTreeWeights, func(r *Ring) { r.tree.root.sum.live = r.counted + 1 }},
		{chordevent.AssertTreeWeights, func(r *Ring) { r.tree.root.sum.ends++ }},
		{chordevent.AssertMemberCounts, func(r *Ring) { r.tally[Active]++ }},
		{chordevent.AssertMemberCounts, func(r *Ring) { r.seenCount++ }},
		{chordevent.AssertMemberOrder, func(r *Ring) {
			x := r.tree.root
			for x.left != nil {
				x = x.left
			}
			x.id[0] = 255
			r.regroup = true
		}},
		{chordevent.AssertNonNegative, func(r *Ring) { r.missing = -1 }},
		{chordevent.AssertRingErrorSums, func(r *Ring) { r.sums.tails = -1 }},
	} {
		r := New(Options{})
		settled(t, r, 6)
		if n := r.opt.Assertions.Total(); n != 0 {
			t.Fatalf("%d assertions failed before anything was spoilt", n)
		}
		c.spoil(r)
		r.seq++ // a new view
		if v := r.View(); len(v.Members) != 6 {
			t.Errorf("%s: %d members", c.name, len(v.Members))
		}
		if r.opt.Assertions.Of(c.name) == 0 {
			t.Errorf("%s is not counted", c.name)
		}
	}
}

func TestAssertionsCostNoMemory(t *testing.T) {
	r := New(Options{})
	settled(t, r, 6)
	v := r.View()
	if n := testing.AllocsPerRun(100, func() { r.assert(v) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
