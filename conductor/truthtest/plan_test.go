package truthtest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// keyframe is the period of the members' keyframes: the default.
const keyframe = 10 * time.Second

// A plan is a ring and the steps that are carried out on it. The host of a step is a number taken modulo the number of
// hosts.
type plan struct {
	bits, successors, replicas, virtual, hosts int
	conditions                                 conditions
	length                                     time.Duration
	steps                                      []step
}

type kind string

const (
	join      kind = "join"
	leave     kind = "leave"
	crash     kind = "crash"
	restart   kind = "crash and start again"
	partition kind = "partition off, percent"
	heal      kind = "heal"
	put       kind = "put"
	outage    kind = "telemetry cannot leave, percent of hosts" // 0: all can again
	kill      kind = "kill the conductor"
	listen    kind = "start the conductor"
)

type step struct {
	at      time.Duration
	kind    kind
	host, n int
}

func (p plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d bits, r=%d, R=%d, %d hosts of %d members, conditions %+v", p.bits, p.successors, p.replicas, p.hosts, p.virtual, p.conditions)
	for _, s := range p.steps {
		if s.kind != put {
			fmt.Fprintf(&b, "\n  %8v host %d: %s %d", s.at, s.host, s.kind, s.n)
		}
	}
	return b.String()
}

// randomPlan draws a ring and two minutes of steps of all kinds, which overlap.
func randomPlan(seed uint64) plan {
	r := rand.New(rand.NewPCG(seed, 2))
	p := plan{
		bits: []int{32, 160}[r.IntN(2)], successors: 3 + r.IntN(6), replicas: 1 + r.IntN(3), virtual: 1, hosts: 6 + r.IntN(9),
		conditions: conditions{drop: .2, double: .2, late: .2, lateBy: time.Duration(500+r.IntN(3500)) * time.Millisecond},
		length:     2 * time.Minute,
	}
	if r.IntN(4) == 0 {
		p.virtual, p.hosts = 2, 4+r.IntN(4)
	}
	add := func(at time.Duration, k kind, n int) { p.steps = append(p.steps, step{at, k, r.IntN(1000), n}) }
	within := func(from, to time.Duration) time.Duration { return from + time.Duration(r.Int64N(int64(to-from))) }

	share := []int{100, 50}[r.IntN(2)]
	begin := within(5*time.Second, 40*time.Second)
	add(begin, outage, share)
	add(begin+time.Minute, outage, 0)
	killed := within(10*time.Second, 100*time.Second)
	add(killed, kill, 0)
	add(killed+within(0, 5*time.Second), listen, 0)
	for at := within(0, 30*time.Second); at < p.length-20*time.Second; at += within(25*time.Second, 60*time.Second) {
		add(at, partition, 10+r.IntN(50))
		add(at+within(2*time.Second, 15*time.Second), heal, 0)
	}
	for at := time.Duration(0); at < p.length; at += within(0, 6*time.Second) {
		add(at, []kind{join, join, leave, crash, restart}[r.IntN(5)], 1+r.IntN(2))
	}
	for at := time.Duration(0); at < p.length; at += within(0, time.Second) {
		add(at, put, r.IntN(100))
	}
	return p
}
