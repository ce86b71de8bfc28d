package main

import (
	"fmt"
	"math/rand/v2"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/member"
	"chordconductor/node/simenv"
)

// A JoinBurst is hosts that join a ring at the same instant. Times are in base stabilize intervals since then.
type JoinBurst struct {
	Settled, Joining int
	Joined           float64   // when all had joined
	Ideal            float64   // when the ring was ideal
	Owned            float64   // when the ring was ideal and every member owned its range
	Errors           []Instant // until then
}

// An Instant is the ring error at a time.
type Instant struct {
	At      float64
	Error   int // of the members that have joined
	Waiting int // members that have not joined
}

// lan is the network of rings within one building.
func lan() func(*rand.Rand) time.Duration {
	return simenv.Uniform(time.Millisecond, 5*time.Millisecond)
}

func measureJoinBurst(settled, joining int, seed uint64) (c JoinBurst, err error) {
	c.Settled, c.Joining = settled, joining
	r := newRing(seed, lan(), member.Config{})
	defer r.Close()
	r.grow(settled)
	r.Run(30 * time.Second)
	if !r.RunUntil(2*time.Minute, time.Second, r.ideal) {
		return c, fmt.Errorf("the ring of %d members before the join burst is not ideal", settled)
	}
	begin := r.Elapsed()
	for range joining {
		r.join()
	}
	base := r.hosts[0].Config().Stabilize
	ideal := false
	if !r.RunUntil(1000*base, base/10, func() bool {
		now := round(float64(r.Elapsed()-begin) / float64(base))
		states, all := r.states()
		_, distance := chord.Observe(states).RingError(circle)
		if !ideal {
			c.Errors = append(c.Errors, Instant{now, distance, len(r.hosts) - len(states)})
			c.Ideal = now
			if ideal = all && distance == 0; !all {
				c.Joined = now
			}
		}
		c.Owned = now
		return ideal && r.owned()
	}) {
		err = fmt.Errorf("the ring of %d members that %d joined is not in order after 1000 intervals", settled, joining)
	}
	return c, err
}

// owned reports whether every member owns the range between its predecessor and itself.
func (r *ring) owned() bool {
	for _, h := range r.hosts {
		m := h.member()
		if own := m.Keys().Ownership(); !own.Owns || own.From != m.State().Pred.ID {
			return false
		}
	}
	return true
}
