package simtest

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// settleTime is how long a ring may take to be in order again once nothing happens any more.
const settleTime = 5 * time.Minute

// run runs a plan, and returns what was wrong, and the oracle that saw it.
func run(seed uint64, p plan) (*oracle, error) {
	r := newRing(seed, p)
	defer r.w.Close()
	o := newOracle(r)
	for range p.hosts {
		r.add()
	}
	if !r.w.RunUntil(time.Minute, 100*time.Millisecond, r.settled) {
		return o, fmt.Errorf("the first %d hosts do not make a ring", p.hosts)
	}
	r.watch()
	if p.fill {
		filled := false
		_ = r.hosts[0].layer.Go(context.Background(), func(ctx context.Context) {
			for n := range p.keys {
				o.write(ctx, r.hosts[0].keeper(0), n, false)
			}
			filled = true
		})
		if !r.w.RunUntil(10*time.Minute, time.Second, func() bool { return filled }) {
			return o, fmt.Errorf("the first puts do not end")
		}
	}
	o.start = r.w.Now()
	begin := r.w.Elapsed()
	for _, s := range p.steps {
		r.w.At(s.at, func() { o.do(s) })
	}
	if n := len(p.steps); n > 0 {
		r.w.Run(begin + p.steps[n-1].at - r.w.Elapsed())
	}
	r.fair = true
	r.heal()
	if !r.w.RunUntil(settleTime, 100*time.Millisecond, r.settled) {
		return o, fmt.Errorf("not in order %v after the last step: %s", settleTime, r)
	}
	r.w.Run(2 * time.Minute) // for leftovers to go
	if !r.settled() {
		return o, fmt.Errorf("in order, and then not any more: %s", r)
	}
	done := false
	host := r.pick(int(seed % 1000))
	if err := host.layer.Go(context.Background(), func(ctx context.Context) {
		o.final(ctx, host.keeper(0))
		done = true
	}); err != nil {
		return o, err
	}
	if !r.w.RunUntil(10*time.Minute, time.Second, func() bool { return done }) {
		return o, fmt.Errorf("the final gets do not end")
	}
	o.copies()
	if len(o.wrong) > 0 {
		return o, fmt.Errorf("%s", strings.Join(o.wrong, "\n"))
	}
	return o, nil
}

// do does one step. What takes time is a task of the host concerned.
func (o *oracle) do(s step) {
	r := o.r
	h := r.pick(s.host)
	if h == nil {
		return
	}
	switch s.kind {
	case join:
		if len(r.hosts) < 16 && !r.cut {
			r.add()
		}
	case leave:
		if !h.leaving && len(r.hosts) > 1 && !r.cut {
			r.leave(h, nil)
		}
	case crash:
		if len(r.hosts) > s.n && r.w.Now().Sub(r.few) > repairTime {
			for _, dead := range r.adjacent(h, s.n) {
				r.crash(dead)
			}
		}
	case cut:
		r.separate(s.n)
	case heal:
		r.heal()
	default:
		k := h.keeper(s.host)
		if k == nil {
			return
		}
		_ = h.layer.Go(context.Background(), func(ctx context.Context) { // a host that is no more does nothing
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
}

// String shows who owns what, for those who want to know why it is not in order.
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
			fmt.Fprintf(&b, "\n  %s %s %s owns %v from %s epoch %d, predecessor %s, successors %v", h.addr, h.Space().Format(m.Self().ID), m.Status(),
				own.Owns, h.Space().Format(own.From), own.Epoch, h.Space().Format(s.Pred.ID), succ)
		}
	}
	return b.String()
}
