package simtest

import (
	"slices"
	"time"

	"chordconductor/node/env/faults"
	"chordconductor/otel/chordevent"
)

// sides is the partition of the hosts. A host's part follows from its number, so that one that joins meanwhile has a
// part too.
type sides struct {
	part       func(made int) int // nil: no partition
	oneway     bool               // hosts of part 0 do not reach those of part 1, and receive from them
	partitions int                // number of partitions so far, so that a heal ends only its own
}

// apply sets the network faults that are in force now on each host.
func (r *ring) apply() {
	for _, h := range r.hosts {
		rules := r.weather()
		for _, other := range r.hosts {
			if r.sides.part == nil {
				break
			}
			a, b := r.sides.part(h.made), r.sides.part(other.made)
			if a != b && (!r.sides.oneway || a == 0) {
				rules = append(rules, faults.Rule{Address: other.addr, Cut: true})
			}
		}
		if err := h.layer.Set(rules); err != nil {
			panic(err)
		}
	}
}

// weather returns the network conditions without a partition.
func (r *ring) weather() []faults.Rule {
	if r.fair || r.plan.loss == 0 {
		return nil
	}
	return []faults.Rule{{Address: faults.All, Loss: r.plan.loss}}
}

// separate partitions a percentage of the hosts from the others; with three parts, two such parts and the rest from
// each other.
func (r *ring) separate(percent int, parts ...int) {
	order := make([]int, len(r.hosts))
	for i, h := range r.hosts {
		order[i] = h.made
	}
	three := slices.Contains(parts, 3)
	n := len(order) * percent / 100
	r.sides.part = func(made int) int {
		i := slices.Index(order, made)
		if i < 0 {
			i = made % max(len(order), 1)
		}
		switch {
		case i < n:
			return 0
		case three && i < 2*n:
			return 2
		}
		return 1
	}
	r.sides.oneway = false
	r.sides.partitions++
	r.disturb()
	r.apply()
}

// heal ends the partition.
func (r *ring) heal() {
	if r.sides.part != nil {
		r.disturb()
	}
	r.sides.part = nil
	r.apply()
}

// pause stops a host for some time.
func (r *ring) pause(h *host, dur time.Duration) {
	h.paused++
	h.layer.Pause()
	r.disturb()
	r.w.At(dur, func() { r.resume(h) })
}

func (r *ring) resume(h *host) {
	if h.paused--; h.paused == 0 {
		h.layer.Resume()
		r.disturb()
	}
}

// disturbed records recent faults that void or narrow a promise.
type disturbed struct {
	last    time.Time   // when a partition, a pause or a step of a clock last began or ended
	crashes []time.Time // of hosts, within the time that counts as one
	few     []scarcity  // seconds at which few hosts could hold replicas
}

type scarcity struct {
	at    time.Time
	hosts int
}

func (r *ring) disturb() { r.disturbed.last = r.w.Now() }

// calm reports whether since a time, and for one repair time before, no host was partitioned, lost, or wrongly declared
// dead. Only then each key has one owner at a time, and the owner has all of them.
func (r *ring) calm(since time.Time) bool {
	if r.sides.part != nil || r.lossy() || slices.ContainsFunc(r.hosts, func(h *host) bool { return h.paused > 0 }) {
		return false
	}
	from := since.Add(-repairTime)
	n := len(r.log.suspected)
	return (n == 0 || r.log.suspected[n-1].Before(from)) && r.disturbed.last.Before(from)
}

// lossy reports whether messages are lost, or so late that they have the same effect.
func (r *ring) lossy() bool { return !r.fair && r.plan.loss > 0 || r.plan.delay.kind == "pareto" }

// ready counts the hosts that can hold replicas.
func (r *ring) ready() int {
	n := 0
	for _, h := range r.hosts {
		if !h.leaving && h.keeper(0) != nil {
			n++
		}
	}
	return n
}

// watch records every 100 ms how many hosts can hold replicas, and which hosts have joined.
func (r *ring) watch() {
	now, n := r.w.Now(), r.ready()
	if k := len(r.few); k == 0 || r.few[k-1].hosts != n {
		r.few = append(r.few, scarcity{now, n})
	}
	for _, h := range r.hosts {
		h.entered = h.entered || h.keeper(0) != nil
	}
	r.w.At(100*time.Millisecond, r.watch)
}

// scarce is the least number of hosts that could hold replicas since a time.
func (r *ring) scarce(since time.Time) int {
	least := r.ready()
	for i, f := range r.few {
		if until := i+1 < len(r.few) && !r.few[i+1].at.After(since); !until {
			least = min(least, f.hosts)
		}
	}
	return least
}

// strand ends the hosts that never joined and whose contacts are all gone, as a process ends after --join-timeout, and
// those whose identifiers are all taken.
func (r *ring) strand() {
	for _, h := range slices.Clone(r.hosts) {
		lost := !slices.ContainsFunc(r.hosts, func(other *host) bool { return other != h && slices.Contains(h.join, other.addr) })
		if len(h.Members()) == 0 || len(h.join) > 0 && lost && h.keeper(0) == nil && !h.entered {
			r.crash(h)
		}
	}
}

// active counts the members that are active.
func (r *ring) active() int {
	n := 0
	for _, h := range r.hosts {
		for _, m := range h.Members() {
			if m.Status() == chordevent.StatusActive {
				n++
			}
		}
	}
	return n
}
