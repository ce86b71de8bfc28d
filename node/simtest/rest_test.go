package simtest

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/grpc"

	"chordconductor/node/env"
)

// counted counts the calls that a host's members make.
type counted struct {
	env.Env
	r *ring
}

func (c counted) Conn(addr string, limit time.Duration) grpc.ClientConnInterface {
	c.r.count()
	return c.Env.Conn(addr, limit)
}

// maxCallRate bounds the calls of all members together in a virtual second. A ring that makes more of them is in a
// livelock: on real hosts it would keep the processors busy forever.
const maxCallRate = 50_000

// errLivelock ends the run of such a ring, in which virtual time may stop.
var errLivelock = fmt.Errorf("more than %d calls in a second", maxCallRate)

func (r *ring) count() {
	r.calls++
	if second := r.w.Elapsed() / time.Second; second != r.rate.second {
		r.rate.second, r.rate.calls = second, 0
	}
	if r.rate.calls++; r.rate.calls == maxCallRate {
		panic(errLivelock) // through the task and the world, to run
	}
}

// TestCallsAtRest compares the calls of a quiet ring with those of the version before hosts were found by stabilization
// (at 04c625a, by this same test).
func TestCallsAtRest(t *testing.T) {
	rings := []struct {
		p      plan
		before float64 // calls of a member in a minute
	}{
		{plan{bits: 160, successors: 8, replicas: 3, hosts: 8}, 280.7},
		{plan{bits: 160, successors: 8, replicas: 3, hosts: 2, virtual: 32}, 290.7},
		{plan{bits: 160, successors: 8, replicas: 3, hosts: 3, virtual: 16}, 291.6},
		{plan{bits: 160, successors: 2, replicas: 5, hosts: 8}, 286.8},
		{plan{bits: 160, successors: 2, replicas: 5, hosts: 3, virtual: 8}, 292.2},
	}
	for _, c := range rings[:several(len(rings))] {
		c.p.virtual = max(c.p.virtual, 1)
		c.p.keys = 100
		r := settledRing(t, c.p)
		r.fill(t, c.p.keys)
		r.w.Run(5 * time.Minute)
		before := r.calls
		r.w.Run(10 * time.Minute)
		got := float64(r.calls-before) / 10 / float64(c.p.hosts*c.p.virtual)
		t.Logf("r=%d R=%d, %d hosts of %d members: %.1f calls a member and minute, %.1f before", c.p.successors, c.p.replicas, c.p.hosts, c.p.virtual, got, c.before)
		if got > 1.01*c.before { // pauses are jittered
			t.Errorf("r=%d R=%d, %d hosts of %d members: %.1f calls a member and minute, at most %.1f", c.p.successors, c.p.replicas, c.p.hosts, c.p.virtual, got, c.before)
		}
	}
}
