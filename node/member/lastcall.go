package member

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"chordconductor/node/chord"
	"chordconductor/node/env"
	"chordconductor/node/nodepb"
	"chordconductor/node/wire"
)

const (
	// lastCallWait is how long, in call limits, a host that does not answer can still cancel a last
	// call.
	lastCallWait = 4
	// maxCalled bounds the hosts that are asked. In a larger ring a last call cannot end the ring:
	// the leave fails at its deadline.
	maxCalled = 4096
	// maxMissing bounds the lost hosts listed in an answer.
	maxMissing = 64
	// maxCalls bounds the calls that are under way at the same time.
	maxCalls = 64
)

// lastCall finds out whether a member stays on any known host. If none does, the ring ends. A
// member that stays becomes a contact of the leavers, which can then hand off to it.
func (d *departure) lastCall(ctx context.Context) (ends bool, err error) {
	answer, stays := d.h.answerLastCall(ctx) // the hosts that are asked rely on it (see LastCall)
	if answer != chord.Bound {
		d.foundStaying(stays)
		return false, nil
	}
	c := &call{h: d.h}
	for _, m := range d.h.Members() {
		alive, lost := m.peers.addresses()
		c.add(alive...)
		c.add(lost...)
	}
	begin, wait := d.h.env.Now(), lastCallWait*d.h.cfg.CallLimit
	for {
		stays, err := c.ask(ctx)
		if err != nil {
			return false, err
		}
		switch chord.DecideLastCall(c.stances(d.h), d.h.env.Now().Sub(begin) >= wait) {
		case chord.Agreed:
			return len(c.hosts) < maxCalled, nil
		case chord.Cancelled:
			d.foundStaying(stays)
			return false, nil
		}
		if err := d.h.env.Sleep(d.h.cfg.CallLimit / 4); err != nil {
			return false, err
		}
	}
}

// foundStaying makes a member that stays a contact of the leavers. The zero Peer is none.
func (d *departure) foundStaying(stays chord.Peer) {
	for _, l := range d.leads {
		if stays.Real() {
			l.inbox.hint(hint{l.ctx, stays, maxHintHops, l.env.Now()})
			l.wake.Set()
		}
	}
}

// A call has the hosts asked in a last call, and their answers.
type call struct {
	h     *Host
	hosts []called // at most maxCalled
}

type called struct {
	addr   string
	stance chord.Stance
	stays  chord.Peer
}

// add adds those of the given hosts that the call does not have yet.
func (c *call) add(addresses ...string) {
	for _, addr := range addresses {
		known := slices.ContainsFunc(c.hosts, func(h called) bool { return h.addr == addr })
		if addr != c.h.address && !known && len(c.hosts) < maxCalled {
			c.hosts = append(c.hosts, called{addr: addr})
		}
	}
}

// stances returns the answers received so far, and those of this host's own members.
func (c *call) stances(h *Host) []chord.Stance {
	list := []chord.Stance{h.stance()}
	for _, called := range c.hosts {
		list = append(list, called.stance)
	}
	return list
}

// ask queries all hosts that have not answered, including the lost hosts that answers list. It
// returns a member that stays, if it has found one.
func (c *call) ask(ctx context.Context) (stays chord.Peer, err error) {
	for from := 0; from < len(c.hosts); {
		var batch []int
		for ; from < len(c.hosts) && len(batch) < maxCalls; from++ {
			if c.hosts[from].stance == chord.Silent {
				batch = append(batch, from)
			}
		}
		missing := make([][]string, len(batch))
		if err := each(c.h.env, ctx, len(batch), func(ctx context.Context, i int) {
			missing[i] = c.askOne(ctx, &c.hosts[batch[i]])
		}); err != nil {
			return chord.Peer{}, err
		}
		for _, m := range missing {
			c.add(m...)
		}
	}
	for _, called := range c.hosts {
		if called.stays.Real() {
			return called.stays, nil
		}
	}
	return chord.Peer{}, nil
}

func (c *call) askOne(ctx context.Context, to *called) (missing []string) {
	m := c.h.Any()
	if m == nil {
		return nil
	}
	a, err := env.Ring(c.h.env, to.addr, c.h.cfg.CallLimit).LastCall(ctx, &nodepb.LastCallRequest{Call: m.callTo(nil)})
	if err != nil {
		why := (*env.Unanswered)(nil)
		if c.h.wasAskedBy(to.addr) || errors.As(err, &why) && why.Refused {
			to.stance = chord.Bound // the host may have ended since: where no host listens, no member stays
		}
		return nil
	}
	if a.GetStays() != nil {
		to.stance = chord.Stays
		if p, err := wire.ReadRef(c.h.space, a.Stays); err == nil {
			to.stays = p.Peer
		}
		return nil
	}
	to.stance = chord.Bound // all its members leave, or it has none
	if a.GetReply().GetStatus() != nodepb.Reply_STATUS_NOT_MEMBER {
		missing = a.Missing[:min(len(a.Missing), maxMissing)]
	}
	return missing
}

// answerLastCall answers a last call for all members of the host. If none stays, and no leave here
// must be taken back, all members become bound. While a member departs whose leave would have to be
// taken back, the answer is chord.Silent: the caller has to ask again.
func (h *Host) answerLastCall(ctx context.Context) (answer chord.Stance, stays chord.Peer) {
	members := h.Members()
	for _, m := range members { // one that stays anyway spares the others' leaves
		if s := m.now.Load(); s.phase != gone && s.stance().Receives() {
			return chord.Stays, m.self
		}
	}
	answer = chord.Bound
	for _, mayEnd := range []bool{false, true} { // none is bound if a leave is taken back
		for _, m := range members {
			if s := m.now.Load(); s.phase == gone || s.mayEnd != mayEnd {
				continue
			}
			switch m.answerLastCall(ctx) {
			case chord.Stays:
				answer, stays = chord.Stays, m.self
			case chord.Silent:
				if answer == chord.Bound {
					answer = chord.Silent
				}
			}
		}
		if answer != chord.Bound {
			return answer, stays
		}
	}
	return answer, chord.Peer{}
}

// errDeparting answers a last call that must be repeated.
var errDeparting = status.Error(codes.Unavailable, "a member of this host is just departing")

// LastCall answers a leaver that has found no member that stays. If none stays here either, all
// members become bound, as are those of the caller's host.
func (h *Host) LastCall(ctx context.Context, q *nodepb.LastCallRequest) (*nodepb.LastCallResponse, error) {
	m, from, err := h.route(q.Call)
	if m == nil {
		return &nodepb.LastCallResponse{Reply: h.noMember(q.Call)}, err
	}
	h.askedBy(from.Addr)
	a := &nodepb.LastCallResponse{Reply: m.reply(m.standing())}
	switch answer, stays := h.answerLastCall(ctx); answer {
	case chord.Silent:
		return nil, errDeparting
	case chord.Stays:
		a.Stays = wire.Ref(stays, 0)
		return a, nil
	}
	for _, m := range h.Members() {
		_, lost := m.peers.addresses()
		for _, addr := range lost {
			if addr != h.address && len(a.Missing) < maxMissing && !slices.Contains(a.Missing, addr) {
				a.Missing = append(a.Missing, addr)
			}
		}
	}
	return a, nil
}

// asker is a host that has made a last call.
type asker struct {
	addr string
	at   time.Time
}

// askedBy stores a host that makes a last call, in place of the oldest if there are maxCalled.
func (h *Host) askedBy(addr string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.askers = slices.DeleteFunc(h.askers, func(a asker) bool { return a.addr == addr })
	if len(h.askers) == maxCalled {
		h.askers = slices.Delete(h.askers, 0, 1)
	}
	h.askers = append(h.askers, asker{addr, h.env.Now()})
}

// wasAskedBy reports whether a host has made a last call lately.
func (h *Host) wasAskedBy(addr string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	since := h.env.Now().Add(-h.cfg.LeaveLimit)
	return slices.ContainsFunc(h.askers, func(a asker) bool { return a.addr == addr && a.at.After(since) })
}

// stance returns the host's stance: bound if none of its members can receive keys, otherwise it
// stays.
func (h *Host) stance() chord.Stance {
	for _, m := range h.Members() {
		if s := m.now.Load(); s.phase != gone && s.stance().Receives() {
			return chord.Stays
		}
	}
	return chord.Bound
}

// each runs f(0) to f(n-1) concurrently and returns when all have returned. If the environment
// ends, it returns env.ErrStopped, and some may still run.
func each(e env.Env, ctx context.Context, n int, f func(ctx context.Context, i int)) error {
	if n == 0 {
		return nil
	}
	done := e.NewSignal()
	var left atomic.Int32
	left.Store(int32(n))
	for i := range n {
		if err := e.Go(ctx, func(ctx context.Context) {
			f(ctx, i)
			if left.Add(-1) == 0 {
				done.Set()
			}
		}); err != nil {
			return err
		}
	}
	return done.Wait(0)
}
