package simtest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"chordconductor/node/kv"
	"chordconductor/node/member"
)

var (
	endSeeds = flag.Int("ends", several(60), "rings to end at any instant")
	endSeed  = flag.Uint64("end-seed", 0, "the only such ring to end")
)

// An endPlan is a ring whose hosts end at any instant of their lives: before they have joined, while some of their
// members have, before the first stabilization, in order.
type endPlan struct {
	plan
	seed  uint64
	hosts []endHost
	puts  []time.Duration // when a key is written, through any host that is on the ring
}

// An endHost is one host of an endPlan.
type endHost struct {
	members int
	start   time.Duration
	command time.Duration // after its start it is ordered to leave; negative: never
	signal  time.Duration // after its start it gets the signal to end; negative: never
}

func (p endPlan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: m=%d r=%d R=%d, delay %v, %d puts", p.seed, p.bits, p.successors, p.replicas, p.delay, len(p.puts))
	for _, h := range p.hosts {
		fmt.Fprintf(&b, "; %d members from %v", h.members, h.start)
		if h.command >= 0 {
			fmt.Fprintf(&b, ", ordered to leave after %v", h.command)
		}
		if h.signal >= 0 {
			fmt.Fprintf(&b, ", signalled after %v", h.signal)
		}
	}
	return b.String()
}

// drawEnd draws one to four hosts of 1 to 64 members. The instants are of every scale: those of one message, of a join,
// of some stabilizations, of a repair.
func drawEnd(seed uint64) endPlan {
	r := rand.New(rand.NewPCG(seed, 47))
	instant := func() time.Duration {
		scale := []time.Duration{10 * time.Millisecond, 100 * time.Millisecond, time.Second, 10 * time.Second}[r.IntN(4)]
		return time.Duration(r.Int64N(int64(scale)))
	}
	p := endPlan{seed: seed, plan: plan{bits: []int{16, 160}[r.IntN(2)], successors: 2 + r.IntN(7), replicas: 1 + r.IntN(3)}}
	if r.IntN(2) == 0 {
		p.delay = delay{kind: "fixed", a: time.Duration(50+r.IntN(5000)) * time.Microsecond}
	}
	all := r.IntN(3) > 0 // end
	for range 1 + r.IntN(1+r.IntN(4)) {
		h := endHost{members: 1 + r.IntN([]int{1, 4, 16, 64}[r.IntN(4)]), command: never, signal: never}
		if len(p.hosts) > 0 {
			h.start = instant()
		}
		if r.IntN(4) == 0 {
			h.command = instant()
		}
		if all || r.IntN(2) == 0 {
			h.signal = instant()
		}
		p.hosts = append(p.hosts, h)
	}
	for range r.IntN(30) {
		p.puts = append(p.puts, instant())
	}
	return p
}

// An endRun is what has happened to an endPlan.
type endRun struct {
	p       endPlan
	r       *ring
	acked   map[int]bool // the keys whose write was acknowledged
	ended   int
	keys    int64 // that have ended, as reported
	faults  []string
	signals int
}

func (e *endRun) fault(format string, args ...any) {
	e.faults = append(e.faults, fmt.Sprintf("at %v ", e.r.w.Elapsed())+fmt.Sprintf(format, args...))
}

// run runs the plan until all hosts that got a signal have ended.
func (e *endRun) run() {
	var last time.Duration // signal
	for i, h := range e.p.hosts {
		if h.signal >= 0 {
			e.signals++
			last = max(last, h.start+h.signal)
		}
		e.r.w.At(h.start, func() { e.start(fmt.Sprintf("e%d:7000", i), h) })
	}
	for n, at := range e.p.puts {
		e.r.w.At(at, func() { e.put(n) })
	}
	if !e.r.w.RunUntil(last+time.Minute, time.Millisecond, func() bool { return e.ended == e.signals }) {
		e.fault("%d of %d hosts have ended: %s", e.ended, e.signals, e.r)
	}
	if took := e.r.w.Elapsed() - last; e.signals == len(e.p.hosts) && took > 3*time.Second {
		e.fault("the last host has ended %v after the last signal", took)
	}
	e.verify()
}

func (e *endRun) start(addr string, h endHost) {
	e.r.plan.virtual = h.members
	on := e.r.addAt(addr, 0)
	if h.signal >= 0 {
		e.r.w.At(h.signal, func() { e.end(on) })
	}
	if h.command >= 0 {
		e.r.w.At(h.command, func() { e.order(on) })
	}
}

// staying lists the hosts that are on the ring and have got no signal.
func (e *endRun) staying() []*host {
	return slices.DeleteFunc(slices.Clone(e.r.hosts), func(h *host) bool { return h.leaving || !h.Ready() })
}

func (e *endRun) end(h *host) {
	h.leaving = true
	staying, begin := e.staying(), e.r.w.Elapsed()
	e.r.end(h, func(ending member.Ending, err error) {
		e.ended++
		e.keys += ending.Keys
		stays := slices.DeleteFunc(e.staying(), func(h *host) bool { return !slices.Contains(staying, h) })
		switch {
		case err != nil:
			e.fault("%s, signalled at %v, ended: %.200v", h.addr, begin, err)
		case ending.Keys > 0 && len(stays) > 0:
			e.fault("%d keys ended with %s though %s stays", ending.Keys, h.addr, stays[0].addr)
		case len(h.Members()) > 0:
			e.fault("%s has ended, with %d members left", h.addr, len(h.Members()))
		}
	})
}

// order is the command to leave, which is refused at once where no host stays.
func (e *endRun) order(h *host) {
	if !slices.Contains(e.r.hosts, h) {
		return
	}
	others, begin := len(e.r.hosts), e.r.w.Elapsed()
	_ = h.layer.Go(context.Background(), func(ctx context.Context) {
		_, err := h.Leave(ctx)
		took := e.r.w.Elapsed() - begin
		if alone := others == 1 && len(e.r.hosts) == 1 && !h.leaving; alone && (err == nil && h.entered || took > time.Second) {
			e.fault("the only host, ordered to leave at %v: %v", begin, err)
		}
	})
}

func (e *endRun) put(n int) {
	h := e.r.pick(n)
	if h == nil || h.keeper(n) == nil {
		return
	}
	k := h.keeper(n)
	_ = h.layer.Go(context.Background(), func(ctx context.Context) {
		if _, err := k.Put(ctx, keyName(n), valueOf(n), 0); err == nil {
			e.acked[n] = true
		}
	})
}

// verify requires that the hosts that stay get in order and serve all keys but those reported as ended. It requires
// nothing where a host waits for contacts that are gone: it may found no ring by itself.
func (e *endRun) verify() {
	if slices.ContainsFunc(e.r.hosts, func(h *host) bool { return len(h.Members()) > 0 && !h.Ready() }) {
		return
	}
	in := func() *host {
		at := slices.IndexFunc(e.r.hosts, func(h *host) bool { return h.keeper(0) != nil })
		if at < 0 {
			return nil
		}
		return e.r.hosts[at]
	}
	if !e.r.w.RunUntil(settleTime, 100*time.Millisecond, func() bool { return in() == nil || e.r.settled() }) {
		e.fault("not in order: %s", e.r)
		return
	}
	h := in()
	if h == nil {
		return
	}
	k, lost, done := h.keeper(0), 0, false
	var first error
	_ = h.layer.Go(context.Background(), func(ctx context.Context) {
		for n := range e.p.puts {
			if !e.acked[n] {
				continue
			}
			if _, err := k.Get(ctx, keyName(n)); err != nil {
				lost++
				if first == nil || !errors.Is(err, kv.ErrNotFound) {
					first = err
				}
			}
		}
		done = true
	})
	if !e.r.w.RunUntil(time.Minute, 100*time.Millisecond, func() bool { return done }) || int64(lost) > e.keys {
		e.fault("%d of %d keys are lost, %d reported as ended: %v", lost, len(e.acked), e.keys, first)
	}
}

// TestEndAtAnyInstant: hosts end at any instant of their lives, alone or with others. Where a host that is on the ring
// stays, nothing is lost. Where none stays, all end within 3 s of the last signal. No end fails. A command to leave is
// refused at once at the only host.
func TestEndAtAnyInstant(t *testing.T) {
	from, to := uint64(1), uint64(*endSeeds)
	if *endSeed != 0 {
		from, to = *endSeed, *endSeed
	}
	for seed := from; seed <= to; seed++ {
		p := drawEnd(seed)
		e := &endRun{p: p, r: newRing(seed, p.plan), acked: map[int]bool{}}
		e.run()
		e.r.w.Close()
		if len(e.faults) > 0 {
			t.Errorf("%v\n%s", p, strings.Join(e.faults, "\n"))
		}
	}
}
