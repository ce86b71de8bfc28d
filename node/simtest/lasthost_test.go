package simtest

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"chordconductor/node/kv"
)

// TestLastHostStaysActive: when all other hosts leave, the last one serves without a pause. An earlier version, which
// had become an orphan, tried to join through the leaver, which still answered, and was not on the ring meanwhile.
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

// TestLastMemberServesAtOnce: a member whose peers have all crashed empties its list of other hosts, and answers
// clients as fast as before. Once, each get called the dead hosts for minutes, for replicas and to verify ownership.
func TestLastMemberServesAtOnce(t *testing.T) {
	for seed := range uint64(several(12)) {
		rnd := rand.New(rand.NewPCG(seed, 46))
		p := plan{bits: 32, successors: 2 + rnd.IntN(6), replicas: 1 + rnd.IntN(5), hosts: 2 + rnd.IntN(11)}
		r := newRing(seed, p)
		for range p.hosts {
			r.add()
		}
		r.settle(t)
		for len(r.hosts) > 1 {
			r.crash(r.pick(rnd.IntN(1000)))
		}
		if !r.w.RunUntil(convergence, 100*time.Millisecond, r.settled) {
			t.Errorf("seed %d: %v: not in order: %s", seed, p, r)
		}
		r.w.Run(time.Minute)
		if left := r.hosts[0].Members()[0].Hosts(); len(left) > 0 {
			t.Errorf("seed %d: %v: it still lists %v", seed, p, left)
		}
		r.on(t, r.hosts[0], func(ctx context.Context, k *kv.Keeper) {
			begin := r.w.Now()
			if _, err := k.Put(ctx, []byte("x"), []byte("y"), 0); err != nil {
				t.Errorf("seed %d: put: %v", seed, err)
			}
			if _, err := k.Get(ctx, []byte("x")); err != nil || r.w.Now().Sub(begin) > time.Second {
				t.Errorf("seed %d: %v: get: %v; put and get took %v", seed, p, err, r.w.Now().Sub(begin))
			}
		})
		r.w.Close()
	}
}
