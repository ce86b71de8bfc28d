package main

import (
	"math/rand/v2"
	"time"

	"chordconductor/node/member"
	"chordconductor/node/simenv"
)

// longList is the length of successor lists in ToN's experiments with failures and churn.
const longList = 20

// A Failure is one row of ToN Table II: a share of the members fails at the same time, and lookups begin before any
// member has repaired its pointers.
type Failure struct {
	Share    float64
	Lookups  int
	Failed   int // not answered, or not by the first live member at or after the key
	Hops     Stat
	Timeouts Stat // before the member that names the owner
	All      Stat // including believed owners
}

// measureFailure is the paper's experiment: members' pointers stay as they were.
func measureFailure(share float64, n, lookups int, seed uint64) Failure {
	const rings = 10
	f := Failure{Share: share}
	var hops, timeouts, all sample
	for ring := range uint64(rings) {
		g := newRest(circle, somePeers(n, seed+ring), longList)
		r := rand.New(rand.NewPCG(seed+ring, 2))
		order := r.Perm(n)
		failed := int(share*float64(n) + 0.5)
		dead := make([]bool, n)
		for _, i := range order[:failed] {
			dead[i] = true
		}
		for range lookups / rings {
			key := randomKey(r)
			l := g.lookup(order[failed+r.IntN(n-failed)], key, dead)
			right := g.owner(key)
			for dead[right] {
				right = (right + 1) % n
			}
			f.Lookups++
			if l.owner != right {
				f.Failed++
				continue
			}
			add(&hops, l.hops)
			add(&timeouts, l.timeouts)
			add(&all, l.timeouts+l.last)
		}
	}
	f.Hops, f.Timeouts, f.All = hops.stat(), timeouts.stat(), all.stat()
	return f
}

// A Shock is the same on running members, which detect the failures and repair while the lookups are under way, and
// which answer only for what they own.
type Shock struct {
	Share float64
	Lookups
}

func measureShock(share float64, n, lookups int, seed uint64) (Shock, error) {
	r := newRing(seed, simenv.Exponential(50*time.Millisecond), member.Config{Successors: longList, LookupLimit: time.Minute})
	defer r.Close()
	r.grow(n)
	if err := r.settle(); err != nil {
		return Shock{}, err
	}
	for range int(share*float64(n) + 0.5) {
		r.crash(r.any())
	}
	var t tally
	for range lookups {
		r.lookup(&t, r.any(), randomKey(r.choose), member.Iterative)
	}
	err := r.await(&t)
	return Shock{share, t.result()}, err
}
