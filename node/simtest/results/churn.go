package main

import (
	"time"

	"chordconductor/node/member"
	"chordconductor/node/simenv"
)

// A Churn is one row of ToN Table III: members join and leave all the time, as two Poisson processes of the same rate,
// and lookups are a third.
type Churn struct {
	Rate          float64 // of joins, and of leaves, per second
	Seconds       float64
	Joins, Leaves int
	Members       Stat // at the starts of lookups
	Lookups
}

// warmUp is how long members join and leave before lookups are measured.
const warmUp = 5 * time.Minute

// measureChurn runs a ring that begins with n members, while lookups begin at one a second.
func measureChurn(rate float64, n int, span time.Duration, seed uint64) (Churn, error) {
	r := newRing(seed, simenv.Exponential(50*time.Millisecond), member.Config{
		Successors: longList, RingOnly: true, Stabilize: 30 * time.Second, CallLimit: 500 * time.Millisecond,
	})
	defer r.Close()
	r.grow(n)
	r.Run(warmUp)
	c := Churn{Rate: rate, Seconds: span.Seconds()}
	var t tally
	var members sample
	end := r.Elapsed() + warmUp + span
	r.poisson(rate, end, func() {
		c.Joins++
		r.join()
	})
	r.poisson(rate, end, func() {
		if h := r.any(); h.onRing() && !h.leaving {
			c.Leaves++
			r.leave(h)
		}
	})
	r.Run(warmUp)
	c.Joins, c.Leaves = 0, 0
	r.poisson(1, end, func() {
		if h := r.any(); h.onRing() {
			add(&members, len(r.hosts))
			r.lookup(&t, h, randomKey(r.choose), member.Iterative)
		}
	})
	r.Run(span)
	err := r.await(&t)
	c.Members, c.Lookups = members.stat(), t.result()
	return c, err
}

// poisson runs happens at random instants, with a mean rate per second, until end.
func (r *ring) poisson(rate float64, end time.Duration, happens func()) {
	gap := time.Duration(r.choose.ExpFloat64() / rate * float64(time.Second))
	r.At(gap, func() {
		if r.Elapsed() < end {
			happens()
			r.poisson(rate, end, happens)
		}
	})
}
