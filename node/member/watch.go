package member

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"chordconductor/node/env"
	"chordconductor/node/kv/hlc"
	"chordconductor/node/nodepb"
	"chordconductor/otel/chordevent"
)

// A host has a task of its own, which checks its clock and emits chord.host.state. So the
// conductor's view also has hosts without members, and the conductor can command them to start
// some.

// ErrClock reports that the host's clock differs by more than hlc.MaxDifference from those of most
// other hosts.
var ErrClock = errors.New("this host's clock differs too much from its peers'")

// watch is the state of the host's own task, which owns all fields except the atomic ones.
type watch struct {
	incarnation int64  // the host's incarnation
	noticed     string // the last notice about the clock
	back        int    // number of members to start when the clock is right again
	asking      atomic.Bool
	retiring    atomic.Bool
}

// watchTicks is the interval at which the host's task checks the clock, in base intervals.
const watchTicks = 4

// watchOver is the host's own task.
func (h *Host) watchOver(ctx context.Context) {
	for {
		clock := h.checkClock(ctx)
		h.emitState(clock)
		tick := min(watchTicks*h.cfg.Stabilize, 10*time.Second)
		wait := min(tick/2+time.Duration(h.env.Uint64()%uint64(tick)), max(h.nextState().Sub(h.env.Now()), time.Millisecond))
		if err := h.wake.Wait(wait); errors.Is(err, env.ErrStopped) {
			return
		}
	}
}

// updateReadiness derives the host's readiness from the state of its members.
func (h *Host) updateReadiness() {
	h.ready.Lock()
	defer h.ready.Unlock()
	ready := h.Ready()
	if ready == h.ready.is {
		return
	}
	h.ready.is = ready
	if h.cfg.Ready != nil {
		h.cfg.Ready(ready)
	}
	h.wake.Set()
}

// Ready reports whether at least one member is active, and the host is not off the ring because of
// its clock.
func (h *Host) Ready() bool { return h.status() == chordevent.HostActive }

func (h *Host) status() chordevent.HostStatus {
	members := h.Members()
	switch {
	case h.off.Load():
		return chordevent.HostOff
	case len(members) == 0:
		return chordevent.HostEmpty
	case slices.ContainsFunc(members, func(m *Member) bool { return m.Status() == chordevent.StatusActive }):
		return chordevent.HostActive
	}
	return chordevent.HostJoining
}

// checkClock compares the host's clock with the others', takes the host off the ring while its own
// clock is wrong, and starts members again when the clock is right.
func (h *Host) checkClock(ctx context.Context) clockView {
	limit := hlc.MaxDifference
	off := h.off.Load()
	if off {
		limit = rightAgain
	}
	clock := h.compareClocks(limit)
	if off || clock.beyond > 0 {
		h.askClocks(ctx)
	}
	switch {
	case clock.wrong() && !off:
		h.off.Store(true)
		h.watch.back = len(h.Members())
		h.notice(fmt.Sprintf("%v; leaving the ring until it is right", clock))
		h.updateReadiness()
		h.retire(ctx)
	case clock.wrong():
		h.retire(ctx) // members that could not leave try again
	case off && clock.others > 0 && len(h.Members()) == 0:
		h.off.Store(false)
		h.notice("this host's clock is right again: joining the ring")
		if _, err := h.Start(max(h.watch.back, 1)); err != nil {
			h.notice(fmt.Sprintf("cannot start members again: %v", err))
		}
	case off && clock.others > 0: // the clock became right before all members had left
		h.off.Store(false)
		h.notice("this host's clock is right again")
		h.updateReadiness()
	case clock.beyond > 0:
		h.notice(clock.String())
	default:
		h.watch.noticed = ""
	}
	return clock
}

// notice reports a line to the operator, unless it differs from the last one only in numbers.
func (h *Host) notice(text string) {
	kind := text
	for i, c := range text {
		if c >= '0' && c <= '9' {
			kind = text[:i]
			break
		}
	}
	if kind == h.watch.noticed {
		return
	}
	h.watch.noticed = kind
	h.report(text)
}

// report passes a line to Config.Notice.
func (h *Host) report(text string) {
	if h.cfg.Notice != nil {
		h.cfg.Notice(text)
	}
}

// retire makes all members leave, in a task of its own.
func (h *Host) retire(ctx context.Context) {
	if len(h.Members()) == 0 || h.watch.retiring.Swap(true) {
		return
	}
	if h.env.Go(ctx, func(ctx context.Context) {
		_, _ = h.Leave(ctx) // members that could not leave try again at the next tick, as long as the clock is wrong; the end of one wakes the task
		h.watch.retiring.Store(false)
	}) != nil {
		h.watch.retiring.Store(false)
	}
}

// maxAsked bounds the hosts that are pinged for their clock in a row while this host's may be
// wrong. Normally the answers to the members' calls suffice.
const maxAsked = 8

// askClocks pings some hosts to get the clock in their answers.
func (h *Host) askClocks(ctx context.Context) {
	if h.watch.asking.Swap(true) {
		return
	}
	addrs := append(h.clocks.known(), h.cfg.Join...)
	for _, m := range h.Members() {
		for _, p := range m.Remembered() {
			addrs = append(addrs, p.Addr)
		}
	}
	if h.env.Go(ctx, func(ctx context.Context) {
		defer h.watch.asking.Store(false)
		asked := map[string]bool{h.address: true}
		for _, addr := range addrs {
			if asked[addr] || len(asked) > maxAsked {
				continue
			}
			asked[addr] = true
			a, err := env.Ring(h.env, addr, h.cfg.CallLimit).Ping(ctx, &nodepb.PingRequest{Call: h.call()})
			if err == nil && speaks(a.GetReply().GetVersion()) == nil {
				h.clocks.note(addr, a.GetReply().GetClockMillis(), h.env.Now())
			}
		}
	}) != nil {
		h.watch.asking.Store(false)
	}
}

// call returns the header of a request of the host itself, to any member of another host. It has
// this host's address, which a peer may require to be on this host's certificate, and no member.
func (h *Host) call() *nodepb.Call {
	c := &h.cfg
	return &nodepb.Call{
		From:  &nodepb.Peer{Address: h.address},
		Clock: h.clock.Now(), ClockMillis: h.env.Wall().UnixMilli(), Version: Version,
		Ring: c.Ring, Bits: uint32(c.Bits), Successors: uint32(c.Successors), Replicas: uint32(c.Replicas),
	}
}

// emitState emits chord.host.state: immediately when it differs from the last one, and once in a
// keyframe period.
func (h *Host) emitState(clock clockView) {
	h.emitHost(chordevent.HostState{
		Incarnation: h.watch.incarnation, Period: h.cfg.Keyframe, Status: h.status(), Members: len(h.Members()),
		ClockOthers: clock.others, ClockBeyond: clock.beyond, Protocol: Version,
	}, clock.ahead)
}

// EmitEnd emits the host's last event: the process ends, so the conductor must expect no further
// events.
func (h *Host) EmitEnd() {
	clock := h.compareClocks(hlc.MaxDifference)
	h.emitHost(chordevent.HostState{
		Incarnation: h.watch.incarnation, Status: h.status(), Members: len(h.Members()),
		ClockOthers: clock.others, ClockBeyond: clock.beyond, Protocol: Version,
	}, clock.ahead)
}

// emitHost numbers and emits state, if it differs from the last one or is due. It emits nothing after EmitEnd.
func (h *Host) emitHost(state chordevent.HostState, ahead time.Duration) {
	s, now := &h.emitted, h.env.Now()
	s.Lock()
	defer s.Unlock()
	if s.ended || state == s.last && now.Before(s.next) {
		return
	}
	s.last, s.ended = state, state.Period == 0
	s.seq++
	state.Seq, state.ClockAhead = s.seq, ahead
	if period := state.Period; period > 0 {
		s.next = now.Add(period - time.Duration(h.env.Uint64()%uint64(period/4)))
	}
	h.in.events.Emit(context.Background(), chordevent.Encode(chordevent.Event{
		Time: h.env.Wall(), Host: chordevent.Host{ID: h.cfg.HostID, Address: h.address}, Body: state,
	}))
}

// nextState returns when the next state is to be emitted if nothing changes.
func (h *Host) nextState() time.Time {
	h.emitted.Lock()
	defer h.emitted.Unlock()
	return h.emitted.next
}
