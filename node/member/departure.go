package member

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"

	"chordconductor/internal/duration"
	"chordconductor/node/chord"
	"chordconductor/node/env"
	"chordconductor/node/kv"
	"chordconductor/node/retry"
	"chordconductor/otel/chordevent"
)

// Leave makes the member leave gracefully: it hands off its keys, then splices itself out of the
// ring. After an error the member stays, and nothing is lost. Leave blocks until ctx ends or
// LeaveLimit has passed, at most, and belongs to the task that calls it. If no member stays that
// could take over the keys, it returns kv.ErrLastHost.
//
// The Ending is that of End: it is not zero if End was called, too, while the member was leaving.
func (m *Member) Leave(ctx context.Context) (Ending, error) {
	return m.host.leave(ctx, []*Member{m}, false)
}

// An Ending describes what has ended with members that were to leave. It is set beside an error,
// too.
type Ending struct {
	Ring    bool  // the ring has ended, since no other member stays
	Members int   // number of members that have ended without handing off their keys
	Keys    int64 // number of keys that ended with them: no other member has received them
}

func (e *Ending) add(other Ending) {
	e.Ring = e.Ring || other.Ring
	e.Members += other.Members
	e.Keys += other.Keys
}

// End does what Leave does, but if no member stays that could take over the keys, the ring ends
// with the member and its keys.
func (m *Member) End(ctx context.Context) (Ending, error) {
	return m.host.leave(ctx, []*Member{m}, true)
}

// KeepsLastKeys reports whether Leave would return kv.ErrLastHost immediately.
func (m *Member) KeepsLastKeys() bool {
	return len(m.host.Members()) == 1 && m.host.keepsLastKeys([]*Member{m})
}

// Leave makes all members leave concurrently, as Member.Leave does.
func (h *Host) Leave(ctx context.Context) (Ending, error) {
	return h.leave(ctx, h.Members(), false)
}

// End ends all members concurrently, as Member.End does.
func (h *Host) End(ctx context.Context) (Ending, error) {
	return h.leave(ctx, h.Members(), true)
}

// A departure consists of members of one host that leave together.
type departure struct {
	h        *Host
	mayEnd   atomic.Bool // the members may end with their keys, if no member stays to take them over
	deadline time.Time
	leads    []*leaver // members that it has made leavers, and that are not gone
	others   []*Member // members of another departure: this one waits for them, and takes over those that stay after all
	ending   Ending
	changed  env.Signal
	recalled atomic.Bool // a last call has made a member stay: the departure is given up

	mu sync.Mutex
}

// A leaver tries to leave in a task of its own.
type leaver struct {
	*Member
	ctx  context.Context // of its span
	span trace.Span
	stop context.CancelFunc // ends its tries; nil if the task has not started

	// Guarded by the departure's mu.
	tried bool  // a try has ended since the last call was answered
	err   error // error of the latest try that has ended
	ended bool  // the task has ended
}

func (h *Host) leave(ctx context.Context, members []*Member, mayEnd bool) (Ending, error) {
	if !mayEnd && len(members) == len(h.Members()) && h.keepsLastKeys(members) {
		return Ending{}, kv.ErrLastHost
	}
	d := &departure{h: h, deadline: h.env.Now().Add(h.cfg.LeaveLimit), changed: h.env.NewSignal()}
	d.mayEnd.Store(mayEnd)
	for _, m := range members {
		if m.Status() == chordevent.StatusJoining && !m.keys.Ownership().Owns && m.keys.Load().Bytes == 0 {
			m.abandon(ctx) // no peer knows it yet, but its start is emitted; an orphan that is looking for its ring has keys, and must not end here
		} else {
			d.others = append(d.others, m)
		}
	}
	for gap := time.Duration(0); len(d.leads)+len(d.others) > 0; {
		done, err := d.try(ctx)
		if err != nil && !d.retries(ctx, err) {
			err = d.giveUp(ctx, err)
			return d.ending, err
		}
		if done {
			break
		}
		gap = retry.Leave.Next(gap)
		if err := h.env.Sleep(gap); err != nil {
			return d.ending, err
		}
	}
	if d.ending.Members > 0 && !d.ending.Ring { // another departure has given these members up
		return d.ending, fmt.Errorf("%d member(s) ended without handing off their keys", d.ending.Members)
	}
	return d.ending, nil
}

// try takes the departure as far as possible now. If it returns neither done nor an error, the
// caller tries again.
func (d *departure) try(ctx context.Context) (done bool, err error) {
	if err := d.begin(ctx); err != nil {
		return false, err
	}
	if err := d.start(); err != nil {
		return false, err
	}
	if err := d.await(func(l *leaver) bool { return l.tried || l.ended || d.recalled.Load() }); err != nil {
		return false, err
	}
	d.others = slices.DeleteFunc(d.others, d.hasEnded)
	var errs []error
	d.leads = slices.DeleteFunc(d.leads, func(l *leaver) bool {
		if d.hasEnded(l.Member) {
			l.endSpan(l.span, nil)
			return true
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		errs = append(errs, l.err)
		return false
	})
	err = kv.FirstOf("members", errs)
	switch {
	case len(d.leads)+len(d.others) == 0:
		return true, nil
	case d.recalled.Load():
		return false, kv.ErrLastHost
	case ctx.Err() != nil && err != nil:
		return false, fmt.Errorf("%w: %w", ctx.Err(), err)
	case ctx.Err() != nil:
		return false, ctx.Err()
	case !d.h.env.Now().Before(d.deadline):
		return false, fmt.Errorf("the leave was not complete within %s: %w", duration.Text(d.h.cfg.LeaveLimit), err)
	case d.mayEnd.Load() && onlyLastHost(errs):
		if ends, err := d.lastCall(ctx); err != nil || !ends {
			d.mu.Lock()
			for _, l := range d.leads {
				l.tried = false
			}
			d.mu.Unlock()
			return false, err
		}
		d.abandon(true)
		return len(d.others) == 0, nil // the other departure's callers find out by themselves
	}
	return false, err
}

// retries reports whether the departure continues after an error, and prepares the next try. Leavers
// that are bound cannot stay: as long as there is time, they wait until a member has room for their
// keys.
func (d *departure) retries(ctx context.Context, why error) bool {
	bound := func(l *leaver) bool { return l.now.Load().stance() == chord.Bound }
	if !errors.Is(why, kv.ErrNoRoom) || ctx.Err() != nil || !d.h.env.Now().Before(d.deadline) || !slices.ContainsFunc(d.leads, bound) {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range d.leads {
		if l.ended {
			l.stop, l.tried, l.err, l.ended = nil, false, nil, false
		}
	}
	return true
}

// hasEnded reports whether a member of the departure has ended, and adds what has ended with it.
func (d *departure) hasEnded(m *Member) bool {
	if !m.gone() {
		return false
	}
	if e := m.ending.Load(); e != nil {
		d.ending.add(*e)
	}
	return true
}

// recall makes the departure's task give it up.
func (d *departure) recall() {
	d.recalled.Store(true)
	d.changed.Set()
}

// start starts a task for each leaver without one.
func (d *departure) start() error {
	for _, l := range d.leads {
		if l.stop != nil {
			continue
		}
		var ctx context.Context
		ctx, l.stop = context.WithCancel(l.ctx)
		if err := d.h.env.Go(ctx, func(context.Context) { d.run(ctx, l) }); err != nil {
			return err
		}
	}
	return nil
}

// run is the task of a leaver. A leaver that has found no member that stays tries again while
// another leaver has not found the same: the other may be handing off to a member that has joined
// since, which will then take over this leaver's range first.
func (d *departure) run(ctx context.Context, l *leaver) {
	defer func() {
		l.stop()
		d.mu.Lock()
		l.ended = true
		d.mu.Unlock()
		d.changed.Set()
	}()
	for gap := time.Duration(0); ; {
		err := l.leave(ctx, d.deadline)
		d.mu.Lock()
		l.tried, l.err = true, err
		d.mu.Unlock()
		d.changed.Set()
		gap = retry.Leave.Next(gap)
		if !errors.Is(err, kv.ErrLastHost) || d.h.env.Sleep(gap) != nil || ctx.Err() != nil {
			return
		}
	}
}

// await waits until a condition holds for all leavers.
func (d *departure) await(condition func(*leaver) bool) error {
	for {
		d.mu.Lock()
		all := !slices.ContainsFunc(d.leads, func(l *leaver) bool { return !condition(l) })
		d.mu.Unlock()
		if all {
			return nil
		}
		if err := d.changed.Wait(0); err != nil {
			return err
		}
	}
}

// begin makes members leavers, all before the first handoff, so that none hands off to another. If
// the members that stay have no memory for the keys, none begins.
func (d *departure) begin(ctx context.Context) error {
	for _, m := range d.others {
		if m.Status() == chordevent.StatusJoining && !d.mayEnd.Load() {
			return fmt.Errorf("member %s cannot leave: it is still joining", m.hex)
		}
	}
	var begun []*leaver
	for _, m := range d.others {
		if m.beginLeave(ctx, d) {
			begun = append(begun, &leaver{Member: m, ctx: ctx})
		}
	}
	if err := kv.FirstOf("members", d.each(begun, func(l *leaver) error { return l.keys.Room(ctx) })); err != nil {
		for _, l := range begun {
			l.stay(ctx)
		}
		return err
	}
	for _, l := range begun {
		l.ctx, l.span = l.startSpan(ctx, chordevent.SpanLeave)
		head := l.State().Head()
		l.span.SetAttributes(chordevent.PeerIDKey.String(l.host.space.Format(head.ID)))
		l.Emit(l.ctx, chordevent.Leaving{Successor: l.ref(head)})
		d.leads = append(d.leads, l)
	}
	d.others = slices.DeleteFunc(d.others, func(m *Member) bool {
		return slices.ContainsFunc(begun, func(l *leaver) bool { return l.Member == m })
	})
	return nil
}

// each runs f for each leaver concurrently, and returns the errors.
func (d *departure) each(list []*leaver, f func(*leaver) error) []error {
	errs := make([]error, len(list))
	if len(list) == 1 {
		errs[0] = f(list[0])
	} else if err := each(d.h.env, context.Background(), len(list), func(_ context.Context, i int) { errs[i] = f(list[i]) }); err != nil {
		return []error{err}
	}
	return errs
}

// onlyLastHost reports whether there are errors and all of them mean that no member stays.
func onlyLastHost(errs []error) bool {
	some := false
	for _, err := range errs {
		if err != nil && !errors.Is(err, kv.ErrLastHost) {
			return false
		}
		some = some || err != nil
	}
	return some
}

// giveUp cancels the leaves that may be cancelled (chord.Stance.MayTakeBack), and ends the other
// leavers.
func (d *departure) giveUp(ctx context.Context, why error) error {
	for _, l := range d.leads {
		if l.stop != nil {
			l.stop()
		}
	}
	if err := d.await(func(l *leaver) bool { return l.stop == nil || l.ended }); err != nil {
		return err
	}
	var bound []*leaver
	var stay []string
	for _, l := range d.leads {
		if d.hasEnded(l.Member) {
			l.endSpan(l.span, nil)
			continue
		}
		if !l.takeBack(ctx, d) {
			bound = append(bound, l)
			continue
		}
		l.endSpan(l.span, why)
		stay = append(stay, l.hex)
	}
	d.leads = bound
	d.abandon(false)
	switch {
	case len(bound) > 0:
		return fmt.Errorf("%d member(s) ended without handing off their keys: %w", len(bound), why)
	case len(stay) == 1:
		return fmt.Errorf("member %s did not leave and stays on the ring: %w", stay[0], why)
	case len(stay) > 1:
		return fmt.Errorf("%d members did not leave and stay on the ring: %w", len(stay), why)
	}
	return why
}

// abandon ends the leavers without a handoff, since the ring ends or the leave has failed. Their
// keys are lost; d.ending counts them.
func (d *departure) abandon(ring bool) {
	for _, l := range d.leads {
		load := l.keys.Load()
		e := Ending{Ring: ring, Members: 1, Keys: load.OwnedKeys}
		if !l.keys.Ownership().Owns {
			e.Keys += load.ReplicaKeys // the member that has received the leaver's range is gone: these may be the last replicas
		}
		l.ending.Store(&e)
		l.abandon(l.ctx)
		d.hasEnded(l.Member)
		l.endSpan(l.span, nil)
	}
	d.leads = nil
}
