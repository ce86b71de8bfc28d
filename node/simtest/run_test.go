package simtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"chordconductor/node/kv"
	"chordconductor/otel/chordevent"
)

const (
	// convergence is T: 30 base intervals and 30 call limits of the defaults, within which a ring is in order again
	// after the last event.
	convergence = 30*500*time.Millisecond + 30*500*time.Millisecond

	// settleTime is how long a run waits for it, to measure how late it is.
	settleTime = 2 * convergence

	// repairTime is one detection-and-repair time: crashes within it count as simultaneous, of which a key survives one
	// less than it has replicas.
	repairTime = 25 * time.Second
)

// run runs a plan, and returns the violation, and the oracle that found it.
func run(seed uint64, p plan) (o *oracle, err error) {
	r := newRing(seed, p)
	defer r.w.Close()
	o = newOracle(r)
	defer func() {
		switch end := recover(); end {
		case nil:
		case errLivelock:
			o.broken(promiseAnswers, "%v: %s", end, r)
			err = o.verdict()
		default:
			panic(end)
		}
	}()
	for range p.hosts {
		r.add()
	}
	if !r.w.RunUntil(2*time.Minute, 100*time.Millisecond, r.settled) {
		o.broken(promiseOrder, "the first %d hosts do not make a ring: %s", p.hosts, r)
		return o, o.verdict()
	}
	r.watch()
	o.watchKey()
	if p.fill && !o.on(r.pick(0), 10*time.Minute, func(ctx context.Context, k *kv.Keeper) {
		for n := range p.keys {
			o.write(ctx, k, n, false)
		}
	}) {
		o.broken(promiseAnswers, "the first puts do not end")
		return o, o.verdict()
	}
	o.start, r.fair = r.w.Now(), false
	r.apply()
	begin := r.w.Elapsed()
	for _, s := range p.steps {
		r.w.At(s.at, func() { o.do(s) })
	}
	last := time.Duration(0)
	for _, s := range p.steps {
		last = max(last, s.at)
		switch s.kind {
		case cut, cut3, oneway, pause, restart:
			last = max(last, s.at+s.dur)
		}
	}
	r.w.Run(begin + last - r.w.Elapsed())
	r.fair = true
	r.heal()
	o.healed = r.w.Now()
	if r.active() == 0 { // no member is left that a promise could bind
		o.extinct = true
		return o, o.verdict()
	}
	r.strand()
	if !o.converge() {
		return o, o.verdict()
	}
	if p.rest > 0 {
		r.w.Run(p.rest) // for orphaned replicas to be dropped
		if !r.settled() {
			o.broken(promiseOrder, "in order, and then not any more: %s", r)
		}
		o.atRest()
	}
	if !r.w.RunUntil(time.Minute, 100*time.Millisecond, func() bool { return o.pending == 0 }) {
		o.broken(promiseAnswers, "%d writes do not end", o.pending)
	}
	ended := false
	for h := r.pick(int(seed % 1000)); !ended; {
		if h.keeper(0) == nil {
			h = r.pick(slices.Index(r.hosts, h) + 1)
			continue
		}
		if ended = o.on(h, 10*time.Minute, o.final); !ended {
			o.broken(promiseAnswers, "the final operations do not end")
			break
		}
	}
	o.gap, o.overlap = r.log.gaps(o.start, r.w.Now())
	return o, o.verdict()
}

// on runs task on host h, and reports whether it ended within limit.
func (o *oracle) on(h *host, limit time.Duration, task func(ctx context.Context, k *kv.Keeper)) bool {
	done := false
	if err := h.layer.Go(context.Background(), func(ctx context.Context) {
		task(ctx, h.keeper(0))
		done = true
	}); err != nil {
		return false
	}
	return o.r.w.RunUntil(limit, 100*time.Millisecond, func() bool { return done })
}

// converge waits for one owner per range and all replicas, and records the time.
func (o *oracle) converge() bool {
	r := o.r
	var order, replicated time.Time
	r.w.RunUntil(settleTime, 100*time.Millisecond, func() bool {
		switch {
		case r.leaving > 0 || !r.settled():
			order, replicated = time.Time{}, time.Time{}
			return false
		case order.IsZero():
			order = r.w.Now()
		}
		if replicated.IsZero() && o.under() == 0 {
			replicated = r.w.Now()
		}
		return !replicated.IsZero()
	})
	since := o.healed
	if r.changed.After(since) {
		since = r.changed
	}
	if order.IsZero() {
		o.broken(promiseOrder, "not in order %v after the last change: %s", r.w.Now().Sub(since), r)
		return false
	}
	if o.order = max(0, order.Sub(since)); o.order > convergence {
		o.broken(promiseOrder, "in order only %v after the last change", o.order)
	}
	if replicated.IsZero() {
		replicated = r.w.Now()
		o.broken(promiseReplicas, "%d of %d keys on too few hosts %v after the last change: %s", o.under(), len(o.keys), r.w.Now().Sub(since), o.few())
	} else if o.replicated = max(0, replicated.Sub(since)); o.replicated > convergence {
		o.broken(promiseReplicas, "all keys on enough hosts only %v after the last change", o.replicated)
	}
	return true
}

// do executes one step. Steps that take time are a task of their host.
func (o *oracle) do(s step) {
	r := o.r
	h := r.pick(s.host)
	if h == nil {
		return
	}
	switch s.kind {
	case join:
		for range s.n {
			if len(r.hosts) < maxHosts && r.room() {
				r.add()
			}
		}
	case leave:
		for _, h := range r.adjacent(h, min(s.n, len(r.hosts)-1)) {
			if staying := slices.DeleteFunc(slices.Clone(r.hosts), func(other *host) bool { return other.leaving || other.keeper(0) == nil }); !h.leaving && len(staying) > 1 {
				o.leave(h)
			}
		}
	case crash, restart:
		dead := r.adjacent(h, min(s.n, len(r.hosts)-1))
		o.crash(dead...)
		if s.kind == restart {
			r.w.At(s.dur, func() {
				for _, h := range dead {
					r.start(h.made)
				}
			})
		}
	case old:
		o.crash(slices.Clone(r.hosts[:max(0, len(r.hosts)-s.n)])...)
	case cut, oneway:
		r.separate(s.n)
		r.sides.oneway = s.kind == oneway
		r.apply()
		o.healAfter(s.dur)
	case cut3:
		r.separate(s.n, 3)
		o.healAfter(s.dur)
	case pause:
		for _, h := range r.adjacent(h, s.n) {
			r.pause(h, s.dur)
		}
	case clock:
		r.skew[h.addr] = s.dur
		r.disturb()
	default:
		o.operation(s, h)
	}
}

// room reports whether enough identifiers are free for the members of another host.
func (r *ring) room() bool {
	n := r.plan.size(r.made)
	for _, h := range r.hosts {
		n += len(h.Members())
	}
	return n <= 1<<min(r.plan.bits, 30)/2
}

func (o *oracle) healAfter(dur time.Duration) {
	n := o.r.sides.partitions
	o.r.w.At(dur, func() {
		if o.r.sides.partitions == n {
			o.r.heal()
		}
	})
}

func (o *oracle) operation(s step, h *host) {
	k := h.keeper(s.host)
	if k == nil {
		return
	}
	_ = h.layer.Go(context.Background(), func(ctx context.Context) { // a host that has ended does nothing
		switch s.kind {
		case put:
			o.write(ctx, k, s.n, false)
		case del:
			o.write(ctx, k, s.n, true)
		case get:
			if m := h.Any(); m != nil {
				o.lookup(ctx, m, s.n)
			}
			o.read(ctx, k, s.n)
		}
	})
}

// leave lets a host leave, which must succeed where no fault prevents it.
func (o *oracle) leave(h *host) {
	r, begin := o.r, o.r.w.Now()
	r.leaving++
	o.leaves++
	r.leave(h, func(err error) {
		r.leaving--
		took := r.w.Now().Sub(begin)
		switch {
		case h.crashed:
		case err == nil:
			o.left = max(o.left, took)
		case errors.Is(err, kv.ErrLastHost):
		case r.calm(begin) && r.plan.memory == nil && !o.crashedSince(begin):
			o.broken(promiseLeaves, "%s gave up its leave after %v: %v", h.addr, took, err)
		}
	})
}

// crash ends hosts at the same instant. Keys with fewer replicas than have crashed within one repair time may be gone;
// while the ring is disturbed, and where memory is scarce, that time goes on.
func (o *oracle) crash(dead ...*host) {
	r, now := o.r, o.r.w.Now()
	if *watchedKey >= 0 {
		for _, h := range dead {
			o.trace("crash of %s", h.addr)
		}
	}
	since := now.Add(-repairTime)
	if !r.calm(now.Add(-repairTime)) || r.plan.memory != nil {
		since = o.start
	}
	r.crashes = slices.DeleteFunc(r.crashes, func(at time.Time) bool { return at.Before(since) })
	possible := r.scarce(since)
	for _, h := range dead {
		if h.entered || h.keeper(0) != nil {
			r.crashes = append(r.crashes, now)
		}
		r.crash(h)
	}
	for n := range o.keys {
		if h := &o.keys[n]; len(r.crashes) >= min(h.last.replicas, possible) && h.last.replicas > 0 {
			h.lose()
		}
	}
}

func (o *oracle) crashedSince(t time.Time) bool {
	return slices.ContainsFunc(o.r.crashes, func(at time.Time) bool { return !at.Before(t.Add(-repairTime)) })
}

// String shows the owners, to debug a ring that is not in order.
func (r *ring) String() string {
	var b strings.Builder
	for _, h := range r.hosts {
		for _, m := range h.Members() {
			own := keeperOf(m).Ownership()
			s := m.State()
			var succ []string
			for _, p := range s.Live() {
				succ = append(succ, h.Space().Format(p.ID))
			}
			if b.Len() > 6000 {
				b.WriteString(" …")
				return b.String()
			}
			fmt.Fprintf(&b, "\n  %s %s %s owns %v from %s epoch %d, predecessor %s, successors %v", h.addr, h.Space().Format(m.Self().ID), m.Status(),
				own.Owns, h.Space().Format(own.From), own.Epoch, h.Space().Format(s.Pred.ID), succ)
			if own.Owns && s.Pred.Real() && own.From != s.Pred.ID && m.Status() == chordevent.StatusActive {
				b.WriteString(" (not what follows its predecessor)")
			}
		}
	}
	return b.String()
}
