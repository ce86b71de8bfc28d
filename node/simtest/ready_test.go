package simtest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestHostsWithoutMembers: some hosts of a ring, or all, lose their members by command. Each of them is not ready,
// reports so itself, accepts new members, and rejoins the ring, or founds one if there is none left.
func TestHostsWithoutMembers(t *testing.T) {
	for seed := range uint64(several(20)) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 8))
			hosts := 1 + rnd.IntN(5)
			r := newRing(seed, plan{bits: 32, successors: 4, replicas: 2, virtual: 1 + rnd.IntN(3), keys: 20})
			t.Cleanup(r.w.Close)
			for range hosts {
				r.add()
			}
			r.settle(t)
			r.fill(t, 20)
			r.w.Run(repairTime)
			empty := slices.Clone(r.hosts)
			rnd.Shuffle(len(empty), func(i, j int) { empty[i], empty[j] = empty[j], empty[i] })
			count := 1 + rnd.IntN(hosts)
			if seed == 0 {
				count = 1
			}
			empty = empty[:count]
			for _, h := range empty {
				for _, m := range slices.Clone(h.Members()) {
					m.Crash()
				}
			}
			for range 1 + rnd.IntN(4) {
				r.w.Run(time.Duration(rnd.IntN(30_000)) * time.Millisecond)
				for _, h := range empty {
					if h.Ready() || h.ready[len(h.ready)-1] {
						t.Fatalf("%s is ready without a member: %v", h.addr, h.ready)
					}
				}
			}
			r.w.Run(time.Second)
			for _, h := range empty {
				if got := r.log.status[h.addr]; got != "empty" {
					t.Errorf("%s reports the status %q", h.addr, got)
				}
			}
			for _, h := range empty {
				if _, err := h.Start(1 + rnd.IntN(3)); err != nil {
					t.Fatal(err)
				}
			}
			r.settle(t)
			for _, h := range r.hosts {
				if !h.Ready() || !h.ready[len(h.ready)-1] {
					t.Errorf("%s is not ready: %v", h.addr, h.ready)
				}
			}
			r.w.Run(time.Second)
			for _, h := range r.hosts {
				if got := r.log.status[h.addr]; got != "active" {
					t.Errorf("%s reports the status %q", h.addr, got)
				}
			}
			if count < r.plan.replicas && count < hosts { // keys with a replica elsewhere are not lost
				r.check(t, 20)
			}
			r.tryAll(t, "in the end", 10)
		})
	}
}
