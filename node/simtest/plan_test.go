package simtest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"chordconductor/node/simenv"
)

// A step is an event of a ring, or an operation of a client. The number of its host is taken modulo the hosts there
// are, so that every part of a schedule is a schedule.
type step struct {
	at   time.Duration
	kind kind
	host int
	n    int           // how many hosts, the size of a partition in percent, or the number of a key
	dur  time.Duration // its duration; of a clock step: the offset
}

type kind string

const (
	join    kind = "join"    // n hosts at once
	leave   kind = "leave"   // n adjacent hosts at once, at most all but one
	crash   kind = "crash"   // n adjacent hosts at once, at most all but one
	old     kind = "old"     // all hosts but the n youngest crash at once
	restart kind = "restart" // n hosts crash at once, and start at the same addresses after dur
	cut     kind = "cut"     // n percent of the hosts partitioned from the others, for dur
	cut3    kind = "cut3"    // three parts, two of them of n percent each, for dur
	oneway  kind = "oneway"  // n percent of the hosts receive from the others and do not reach them, for dur
	pause   kind = "pause"   // n hosts stop, for dur
	clock   kind = "clock"   // a host's clock begins to be off by dur
	put     kind = "put"
	get     kind = "get"
	del     kind = "delete"
)

// A plan is a ring and the schedule that runs on it. Where a field is nil or empty, all hosts are the same in it.
type plan struct {
	bits, successors, replicas int
	virtual                    int             // members of a host
	sizes                      []int           // members of the host made n-th, modulo
	memory                     []int64         // a host's limit in bytes
	skews                      []time.Duration // how far a host's clock is off
	hosts                      int             // that form the ring at first
	keys                       int
	value                      int  // least size of a value in bytes
	fill                       bool // all keys are written before the schedule begins
	loss                       float64
	delay                      delay
	rest                       time.Duration // after which no orphaned replica is left
	steps                      []step
}

// delay is a distribution of message delays: fixed (a), uniform (a to b), exp (mean a), pareto (least a, and a tail so
// heavy that one message in a thousand takes a hundred times as long, b at most).
type delay struct {
	kind string
	a, b time.Duration
}

func (d delay) draw() func(*rand.Rand) time.Duration {
	switch d.kind {
	case "":
		return simenv.Uniform(time.Millisecond, 8*time.Millisecond)
	case "fixed":
		return simenv.Fixed(d.a)
	case "uniform":
		return simenv.Uniform(d.a, d.b)
	case "exp":
		return simenv.Exponential(d.a)
	}
	return func(r *rand.Rand) time.Duration {
		return min(d.b, time.Duration(float64(d.a)*math.Pow(1-r.Float64(), -2./3)))
	}
}

func cycle[T any](list []T, n int, otherwise T) T {
	if len(list) == 0 {
		return otherwise
	}
	return list[n%len(list)]
}

func (p plan) size(made int) int { return cycle(p.sizes, made, max(p.virtual, 1)) }

// String is the plan as text that parsePlan reads.
func (p plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "m=%d r=%d R=%d hosts=%d sizes=%s keys=%d", p.bits, p.successors, p.replicas, p.hosts, list(p.sizes, p.virtual), p.keys)
	if len(p.memory) > 0 {
		fmt.Fprintf(&b, " memory=%s", list(p.memory, 0))
	}
	if len(p.skews) > 0 {
		fmt.Fprintf(&b, " clocks=%s", list(p.skews, 0))
	}
	if p.value > 0 {
		fmt.Fprintf(&b, " value=%d", p.value)
	}
	if p.fill {
		b.WriteString(" fill")
	}
	if p.loss > 0 {
		fmt.Fprintf(&b, " loss=%v", p.loss)
	}
	if p.delay.kind != "" {
		fmt.Fprintf(&b, " delay=%s:%v:%v", p.delay.kind, p.delay.a, p.delay.b)
	}
	if p.rest > 0 {
		fmt.Fprintf(&b, " rest=%v", p.rest)
	}
	for _, s := range p.steps {
		fmt.Fprintf(&b, "\n%v", s)
	}
	return b.String()
}

func (s step) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v %s host=%d", s.at, s.kind, s.host)
	if s.n != 0 {
		fmt.Fprintf(&b, " n=%d", s.n)
	}
	if s.dur != 0 {
		fmt.Fprintf(&b, " for=%v", s.dur)
	}
	return b.String()
}

func list[T any](values []T, otherwise T) string {
	if len(values) == 0 {
		values = []T{otherwise}
	}
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = fmt.Sprint(v)
	}
	return strings.Join(texts, ",")
}
