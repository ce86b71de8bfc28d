package simtest

import (
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"
)

var lastHostSeeds = flag.Uint64("last-host-seeds", 1, "seeds of the world to run each case of TestLastHostOwnsEverything with, no two cases with the same")

// TestLastHostOwnsEverything: all hosts but one crash together, at rest or while their members join. However many
// members they had, T later the remaining host owns every range. Its queues hold their notifies and hints, and its
// lists all of them.
func TestLastHostOwnsEverything(t *testing.T) {
	lefts := []int{1, 4, 16}
	seed := uint64(0)
	for _, left := range lefts[:several(len(lefts))] { // fewer with the race detector
		for _, dead := range [][]int{{1}, {4, 4, 4}, {16}, {64}, {64, 64}, {1, 1, 1, 1, 1, 1, 1, 1}} {
			for _, joining := range []bool{false, true} {
				for range *lastHostSeeds {
					seed++
					t.Run(fmt.Sprintf("%d left of %v, joining %v, seed %d", left, dead, joining, seed), func(t *testing.T) {
						t.Parallel()
						t.Logf("in order after %v", lastHostOwns(t, seed, left, dead, joining))
					})
				}
			}
		}
	}
}

// lastHostOwns returns the time after the crashes until the last host owned everything.
func lastHostOwns(t *testing.T, seed uint64, left int, dead []int, joining bool) time.Duration {
	r := newRing(seed, plan{hosts: 1, replicas: 3, bits: 160, successors: 8})
	defer r.w.Close()
	add := func(members int) *host {
		r.plan.virtual = members
		return r.add()
	}
	last := add(left)
	if !r.w.RunUntil(formTime, 100*time.Millisecond, r.settled) {
		t.Fatalf("the first host is not in order: %s", r)
	}
	for _, members := range dead {
		add(members)
	}
	if !joining && !r.w.RunUntil(formTime, 100*time.Millisecond, r.settled) {
		t.Fatalf("not in order: %s", r)
	} else if joining {
		if !r.w.RunUntil(formTime, 10*time.Millisecond, func() bool { return len(r.onRing()) > left }) {
			t.Fatal("none has joined")
		}
		r.w.Run(200 * time.Millisecond)
	}
	for _, h := range slices.Clone(r.hosts) {
		if h != last {
			r.crash(h)
		}
	}
	crashed := r.w.Elapsed()
	if !r.w.RunUntil(convergence, 250*time.Millisecond, r.ownedOnce) {
		t.Fatalf("%v after the crashes not every range has one owner: %s", convergence, r)
	}
	return r.w.Elapsed() - crashed
}
