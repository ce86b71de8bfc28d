package simtest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// A step is something that happens to a ring, or that a client does. Which host it concerns is a number that is taken
// modulo the hosts there are, so that every part of a schedule is a schedule.
type step struct {
	at   time.Duration
	kind kind
	host int
	n    int // how many hosts crash, the size of a cut in percent, the number of a key
}

type kind string

const (
	join  kind = "join"
	leave kind = "leave"
	crash kind = "crash" // of n adjacent hosts at once
	cut   kind = "cut"   // n percent of the hosts from the others
	heal  kind = "heal"
	put   kind = "put"
	get   kind = "get"
	del   kind = "delete"
)

func (s step) String() string {
	switch s.kind {
	case put, get, del:
		return fmt.Sprintf("%8v host %d: %s key %d", s.at, s.host, s.kind, s.n)
	case crash:
		return fmt.Sprintf("%8v host %d and the next, %d in all: crash", s.at, s.host, s.n)
	case cut:
		return fmt.Sprintf("%8v cut off %d %%", s.at, s.n)
	case heal:
		return fmt.Sprintf("%8v heal", s.at)
	}
	return fmt.Sprintf("%8v host %d: %s", s.at, s.host, s.kind)
}

// A plan is the ring a schedule runs on, and what the schedule may do to it.
type plan struct {
	bits, successors, replicas, virtual int
	hosts                               int
	keys                                int
	fill                                bool // all keys are written before the schedule begins
	cuts                                bool
	loss                                float64
	steps                               []step
}

func (p plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "m=%d r=%d R=%d, %d hosts of %d members, %d keys (written before: %v), loss %v\n",
		p.bits, p.successors, p.replicas, p.hosts, p.virtual, p.keys, p.fill, p.loss)
	for _, s := range p.steps {
		fmt.Fprintf(&b, "  %v\n", s)
	}
	return b.String()
}

// repairTime is one detection-and-repair time: what crashes within it counts as simultaneous, of which a key survives
//
const repairTime = 25 * time.Second

// randomPlan draws a ring and a schedule that asks of it no more than is promised: at most R-1 hosts crash within one
// repair time, and none while a cut lasts and its damage is not repaired, since a side of less than R hosts
// acknowledges with fewer copies.
func randomPlan(seed uint64) plan {
	r := rand.New(rand.NewPCG(seed, 1))
	p := plan{
		bits: 32, successors: 4 + r.IntN(5), replicas: 1 + r.IntN(3), virtual: 1,
		hosts: 2 + r.IntN(9), keys: 5 + r.IntN(40), cuts: r.IntN(2) == 0,
	}
	if r.IntN(4) == 0 {
		p.virtual = 2 + r.IntN(3)
	}
	if r.IntN(4) == 0 {
		p.loss = 0.01
	}
	if r.IntN(6) == 0 {
		p.keys, p.fill = 800, true
	}
	length := time.Duration(30+r.IntN(60)) * time.Second
	var busyUntil, healAt time.Duration // no crash or cut before
	for at := 5 * time.Second; at < length; at += time.Duration(r.IntN(int(300 * time.Millisecond))) {
		if healAt != 0 && at >= healAt {
			p.steps = append(p.steps, step{at: at, kind: heal})
			healAt, busyUntil = 0, at+2*repairTime
		}
		s := step{at: at, host: r.IntN(1000)}
		switch n := r.IntN(100); {
		case n < 3:
			s.kind = join
		case n < 5:
			s.kind = leave
		case n < 7:
			if at < busyUntil || p.replicas == 1 {
				continue
			}
			s.kind, s.n = crash, 1+r.IntN(p.replicas-1)
			busyUntil = at + repairTime
		case n < 8:
			if at < busyUntil || !p.cuts || healAt != 0 {
				continue
			}
			s.kind, s.n = cut, 10+r.IntN(81)
			healAt = at + time.Duration(2+r.IntN(10))*time.Second
			busyUntil = length
		case n < 45:
			s.kind, s.n = put, r.IntN(p.keys)
		case n < 50:
			s.kind, s.n = del, r.IntN(p.keys)
		default:
			s.kind, s.n = get, r.IntN(p.keys)
		}
		p.steps = append(p.steps, s)
	}
	if healAt != 0 {
		p.steps = append(p.steps, step{at: length, kind: heal})
	}
	return p
}
