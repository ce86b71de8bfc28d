package simtest

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/member"
)

const (
	// maxMembers bounds the members of a ring at the beginning, and maxHosts its hosts at any time: the cost of a seed.
	maxMembers = 84
	maxHosts   = 16

	// length is the duration of a schedule.
	length = 60 * time.Second

	// operations is the least number of operations in a schedule.
	operations = 300
)

// draw draws the plan of a seed: the point sets the levels; values within them are random.
func draw(seed uint64) plan { return drawAt(seed, pointOf(seed)) }

func drawAt(seed uint64, at point) plan {
	at.meet()
	d := &drawer{Rand: rand.New(rand.NewPCG(seed, 2)), at: at}
	p := &d.plan
	p.bits, p.successors, p.replicas, p.hosts = count(at["bits"]), count(at["successors"]), count(at["replicas"]), count(at["hosts"])
	if at["bits"] == "any" {
		p.bits = 8 + d.IntN(chord.MaxBits-7)
	}
	if at["successors"] == "any" {
		p.successors = 2 + d.IntN(member.MaxSuccessors-1)
	}
	p.keys = 5 + d.IntN(36)
	if seed%8 == 0 {
		p.rest = 2 * time.Minute
	}
	p.loss, _ = strconv.ParseFloat(at["loss"], 64)
	d.sizes()
	d.network()
	d.clocks()
	d.load()
	d.memory()
	d.schedule()
	slices.SortStableFunc(p.steps, func(a, b step) int { return cmp.Compare(a.at, b.at) })
	return *p
}

// A drawer turns a point into a plan.
type drawer struct {
	*rand.Rand
	at   point
	plan plan
}

func (d *drawer) between(low, high time.Duration) time.Duration {
	return low + time.Duration(d.Int64N(int64(high-low)+1))
}

// sizes sets the virtual nodes of the hosts. Hosts that join later are small, so that joiners are not the whole ring.
func (d *drawer) sizes() {
	p := &d.plan
	left := mostMembers(d.at["bits"])
	most := member.Capacity(p.bits)
	for i := range maxHosts + 4 {
		n := 1
		switch d.at["sizes"] {
		case "few":
			n = 1 + d.IntN(4)
		case "ladder":
			n = 1 + i%8
		case "sixteen":
			if i < 3 {
				n = 16
			}
		case "thirty-two":
			if i < 2 {
				n = 32
			} else if i == 2 {
				n = 4
			}
		case "sixty-four":
			n = 1 + d.IntN(2)
			if i == p.hosts/2 {
				n = 64
			}
		}
		if i < p.hosts {
			n = max(1, min(n, most, left-(p.hosts-1-i)))
			left -= n
		} else {
			n = min(n, most, 4)
		}
		p.sizes = append(p.sizes, n)
	}
	if d.at["sizes"] == "thirty-two" {
		p.keys += 100
	}
}

func (d *drawer) network() {
	p := &d.plan
	switch d.at["delay"] {
	case "fixed":
		p.delay = delay{"fixed", 2 * time.Millisecond, 0}
	case "uniform":
		p.delay = delay{"uniform", time.Millisecond, 8 * time.Millisecond}
	case "exponential":
		p.delay = delay{"exp", 5 * time.Millisecond, 0}
	case "heavy tail":
		p.delay = delay{"pareto", 2 * time.Millisecond, 3 * time.Second}
	case "slow":
		p.delay = delay{"uniform", 20 * time.Millisecond, 60 * time.Millisecond}
	}
}

// clocks sets offsets that lie within a minute of each other.
func (d *drawer) clocks() {
	p := &d.plan
	within := map[string]time.Duration{"0.4 s": 400 * time.Millisecond, "seconds": 5 * time.Second, "30 s": 30 * time.Second}[d.at["clocks"]]
	for range maxHosts {
		switch d.at["clocks"] {
		case "0.4 s":
			p.skews = append(p.skews, d.between(0, within).Round(time.Millisecond))
		case "seconds", "30 s":
			p.skews = append(p.skews, d.between(-within, within).Round(time.Millisecond))
		}
	}
	if d.at["clocks"] == "0.7 s" {
		p.skews = make([]time.Duration, maxHosts)
		p.skews[d.IntN(p.hosts+1)] = 700 * time.Millisecond
	}
}

func (d *drawer) load() {
	p := &d.plan
	switch d.at["load"] {
	case "hot":
		p.keys = 3
	case "filled":
		p.keys, p.fill = 400, true
	case "large":
		p.value = 20 << 10
	}
}

// memory limits what the hosts hold: "ample" is never reached, "unequal" is scarce on some, "tight" on all.
func (d *drawer) memory() {
	p := &d.plan
	if d.at["memory"] == "none" {
		return
	}
	share := p.keys * p.replicas * (p.value + 200) / p.hosts // bytes of a host, when all is written
	for range maxHosts {
		percent := 1000
		switch d.at["memory"] {
		case "unequal":
			percent = 40 + d.IntN(400)
		case "tight":
			percent = 30 + d.IntN(60)
		}
		p.memory = append(p.memory, int64(max(1000, share*percent/100)))
	}
}

func (d *drawer) add(at time.Duration, k kind, n int, dur time.Duration) {
	d.plan.steps = append(d.plan.steps, step{at.Round(time.Millisecond), k, d.IntN(1000), n, dur.Round(time.Millisecond)})
}

// when draws the time of a step that affects the ring.
func (d *drawer) when() time.Duration {
	switch d.at["timing"] {
	case "storm":
		return 10*time.Second + d.between(0, time.Second)
	case "waves":
		return time.Duration(1+d.IntN(4))*12*time.Second + d.between(0, 2*time.Second)
	}
	return d.between(2*time.Second, 56*time.Second)
}

func (d *drawer) some(low, high int, f func()) {
	for range low + d.IntN(high-low+1) {
		f()
	}
}

func (d *drawer) schedule() {
	p := &d.plan
	d.membership()
	d.trouble()
	for i := range operations + d.IntN(60) {
		at := time.Duration(i)*length/(operations+60) + d.between(0, 150*time.Millisecond)
		puts := 35
		if d.at["load"] == "writes" || p.memory != nil {
			puts = 70
		}
		switch n := d.IntN(100); {
		case n < puts:
			d.add(at, put, d.IntN(p.keys), 0)
		case n < puts+5:
			d.add(at, del, d.IntN(p.keys), 0)
		default:
			d.add(at, get, d.IntN(p.keys), 0)
		}
	}
}

func (d *drawer) membership() {
	p := &d.plan
	switch d.at["joins"] {
	case "single":
		d.some(1, 2, func() { d.add(d.when(), join, 1, 0) })
	case "together":
		d.some(1, 2, func() { d.add(d.when(), join, 2+d.IntN(2), 0) })
	case "burst":
		d.add(d.when(), join, 8, 0)
	case "steady":
		d.some(4, 8, func() { d.add(d.between(2*time.Second, 56*time.Second), join, 1, 0) })
	}
	switch d.at["leaves"] {
	case "single":
		d.some(1, 3, func() { d.add(d.when(), leave, 1, 0) })
	case "together":
		d.some(1, 2, func() { d.add(d.when(), leave, 2+d.IntN(2), 0) })
	case "half":
		d.add(d.when(), leave, (p.hosts+1)/2, 0)
	case "all but one":
		d.add(d.when(), leave, maxHosts, 0)
	case "all but two":
		d.add(d.when(), leave, max(1, p.hosts-2), 0)
	}
	switch d.at["crashes"] {
	case "single":
		d.some(1, 2, func() { d.add(d.when(), crash, 1, 0) })
	case "R-1":
		d.some(1, 2, func() { d.add(d.when(), crash, max(1, p.replicas-1), 0) })
	case "R":
		d.add(d.when(), crash, p.replicas, 0)
	case "owners":
		at, n := d.when(), 2+d.IntN(2)
		d.add(at, join, n, 0)
		d.add(at+d.between(5*time.Millisecond, 1500*time.Millisecond), old, n, 0)
	}
	switch d.at["restarts"] {
	case "at once":
		d.some(1, 2, func() { d.add(d.when(), restart, 1, 0) })
	case "later":
		d.some(1, 2, func() { d.add(d.when(), restart, 1, d.between(100*time.Millisecond, 10*time.Second)) })
	case "together":
		d.add(d.when(), restart, 2+d.IntN(2), d.between(0, 3*time.Second))
	}
}

func (d *drawer) trouble() {
	once := func(k kind) { d.add(d.when(), k, 10+d.IntN(81), d.between(500*time.Millisecond, 15*time.Second)) }
	switch d.at["partitions"] {
	case "two":
		once(cut)
	case "three":
		d.add(d.when(), cut3, 20+d.IntN(30), d.between(2*time.Second, 15*time.Second))
	case "one-way":
		once(oneway)
	case "repeated":
		kinds := []kind{cut, cut, cut3, oneway}
		d.some(3, 5, func() {
			d.add(d.when(), kinds[d.IntN(4)], 10+d.IntN(81), d.between(300*time.Millisecond, 5*time.Second))
		})
	}
	switch d.at["pauses"] {
	case "short":
		d.some(1, 4, func() { d.add(d.when(), pause, 1, d.between(50*time.Millisecond, 900*time.Millisecond)) })
	case "long":
		d.some(1, 2, func() { d.add(d.when(), pause, 1, d.between(2*time.Second, 15*time.Second)) })
	case "together":
		d.add(d.when(), pause, 2+d.IntN(3), d.between(time.Second, 10*time.Second))
	}
	if d.at["clocks"] == "steps" {
		d.some(1, 3, func() { d.add(d.when(), clock, 0, d.between(-29*time.Second, 29*time.Second)) })
	}
}

// TestDrawnIsWhatFlagsAccept: every plan is one that a host accepts, with its operations, and matches its point.
func TestDrawnIsWhatFlagsAccept(t *testing.T) {
	for seed := range uint64(fullSeeds) {
		at := pointOf(seed)
		at.meet()
		p := draw(seed)
		ops, members := 0, 0
		for _, s := range p.steps {
			if s.kind == put || s.kind == get || s.kind == del {
				ops++
			}
		}
		for i := range p.hosts {
			members += p.size(i)
			cfg := member.Config{Bits: p.bits, Successors: p.successors, Replicas: p.replicas, Memory: cycle(p.memory, i, 0)}
			if err := cfg.Validate("h1:7000", p.size(i)); err != nil {
				t.Errorf("seed %d: %v", seed, err)
			}
		}
		if ops < operations || members > max(maxMembers, p.hosts) || len(p.steps) == 0 {
			t.Errorf("seed %d: %d operations, %d members", seed, ops, members)
		}
		if at["sizes"] == "sixty-four" && slices.Max(p.sizes) != 64 || strconv.Itoa(p.hosts) != at["hosts"] {
			t.Errorf("seed %d: sizes %v of %d hosts, drawn for %v", seed, p.sizes, p.hosts, at)
		}
		if strings.Contains(p.String(), "%!") {
			t.Errorf("seed %d: %v", seed, p)
		}
	}
}
