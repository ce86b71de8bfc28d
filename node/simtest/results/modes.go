package main

import (
	"time"

	"chordconductor/node/member"
	"chordconductor/node/simenv"
)

// A Mode is a lookup mode, measured on a ring at rest.
type Mode struct {
	Mode member.Mode
	Lookups
}

// measureModes looks the same keys up from the same members in both modes.
func measureModes(n, lookups int, seed uint64) ([]Mode, error) {
	r := newRing(seed, simenv.Exponential(50*time.Millisecond), member.Config{RingOnly: true, Stabilize: 5 * time.Second})
	defer r.Close()
	r.grow(n)
	if err := r.settle(); err != nil {
		return nil, err
	}
	var list []Mode
	type question struct {
		h   *host
		key [20]byte
	}
	questions := make([]question, lookups)
	for i := range questions {
		questions[i] = question{r.any(), randomKey(r.choose)}
	}
	for _, mode := range []member.Mode{member.Iterative, member.Recursive} {
		var t tally
		for _, q := range questions {
			r.lookup(&t, q.h, q.key, mode)
			r.Run(time.Millisecond)
		}
		if err := r.await(&t); err != nil {
			return nil, err
		}
		m := Mode{mode, t.result()}
		m.Centiles = t.latency.centiles()
		list = append(list, m)
	}
	return list, nil
}
