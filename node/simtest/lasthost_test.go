package simtest

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestLastHostStaysActive: when all other hosts leave, the last one serves without a pause. As an orphan it tried to join
// through the leaver, which still answered, and was no member meanwhile.
func TestLastHostStaysActive(t *testing.T) {
	for seed := range uint64(several(100)) {
		rnd := rand.New(rand.NewPCG(seed, 43))
		r := newRing(seed, plan{bits: 32, successors: 1 + rnd.IntN(6), replicas: 1, sizes: []int{1 + rnd.IntN(3), 1 + rnd.IntN(3), 1}})
		hosts := 2 + rnd.IntN(2)
		for range hosts {
			r.add()
		}
		r.settle(t)
		last, left := r.hosts[hosts-1], 0
		for _, h := range r.hosts[:hosts-1] {
			r.leave(h, func(err error) {
				if left++; err != nil {
					t.Errorf("seed %d: leave: %v", seed, err)
				}
			})
		}
		if !r.w.RunUntil(time.Minute, time.Millisecond, func() bool {
			if !last.Ready() {
				t.Errorf("seed %d: the last host is not ready %v after the start: %s", seed, r.w.Elapsed(), r)
				return true
			}
			return left == hosts-1 && len(last.Members()) == r.active() && r.settled()
		}) {
			t.Errorf("seed %d: not in order after the leaves: %s", seed, r)
		}
		r.w.Close()
	}
}
