package simtest

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// inOrderWithin waits, at most settleTime, until the ring is in order. It returns the time taken, and whether that was
// at most T.
func (r *ring) inOrderWithin() (took time.Duration, ok bool) {
	begin := r.w.Elapsed()
	settled := r.w.RunUntil(settleTime, 100*time.Millisecond, r.settled)
	took = r.w.Elapsed() - begin
	return took, settled && took <= convergence
}

// TestRingsMergeAfterALongPartition: two parts of a ring, however long partitioned, are one ring within T.
func TestRingsMergeAfterALongPartition(t *testing.T) {
	var worst time.Duration
	for seed := range uint64(several(30)) {
		rnd := rand.New(rand.NewPCG(seed, 44))
		p := plan{bits: 32, successors: 1 + rnd.IntN(8), replicas: 1, hosts: 2 + rnd.IntN(5)}
		p.sizes = []int{1 + rnd.IntN(3), 1}
		r := newRing(seed, p)
		for range p.hosts {
			r.add()
		}
		r.settle(t)
		r.w.Run(5 * time.Minute) // the join addresses have been tried
		r.separate(max(100/p.hosts+1, 10+rnd.IntN(80)))
		r.w.Run(time.Minute + time.Duration(rnd.IntN(int(10*time.Minute))))
		r.heal()
		took, ok := r.inOrderWithin()
		if worst = max(worst, took); !ok {
			t.Errorf("seed %d: %v: in order %v after the partition: %s", seed, p, took, r)
		}
		r.w.Close()
	}
	t.Logf("in order after %v at most", worst)
}

// TestOrphansMerge: a host with most of the members crashes, so that few of the others are in each other's successor
// lists. They become one ring within T. Once, members of one ring could not join another whose ranges were assigned
// already, and pinged the dead members one by one before anything else.
func TestOrphansMerge(t *testing.T) {
	var worst time.Duration
	for seed := range uint64(several(30)) {
		rnd := rand.New(rand.NewPCG(seed, 45))
		p := plan{bits: 32, successors: 1 + rnd.IntN(3), replicas: 1, hosts: 3 + rnd.IntN(6)}
		if p.successors > 1 {
			p.replicas = 1 + rnd.IntN(5)
		}
		for range p.hosts {
			p.sizes = append(p.sizes, 1+rnd.IntN(3))
		}
		p.sizes[rnd.IntN(p.hosts)] = 16 + rnd.IntN(49)
		r := newRing(seed, p)
		for range p.hosts {
			r.add()
		}
		r.settle(t)
		r.w.Run(time.Duration(rnd.IntN(int(3 * time.Minute))))
		slices.SortStableFunc(r.hosts, func(a, b *host) int { return len(b.Members()) - len(a.Members()) })
		for range 1 + rnd.IntN(p.hosts-2) { // the largest first
			r.crash(r.hosts[0])
		}
		took, ok := r.inOrderWithin()
		if worst = max(worst, took); !ok {
			t.Errorf("seed %d: %v: in order %v after the crashes: %s", seed, p, took, r)
		}
		r.w.Close()
	}
	t.Logf("in order after %v at most", worst)
}
