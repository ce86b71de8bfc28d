package member

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/env"
	"chordconductor/node/kv"
	"chordconductor/node/nodepb"
	"chordconductor/node/retry"
	"chordconductor/node/wire"
	"chordconductor/otel/chordevent"
)

// beginLeave makes an active member a leaver of a departure: its answers report this. If the
// departure may end, the member ends even if no member stays to take over its keys. beginLeave
// reports whether the leave began. If the member already leaves in another departure, that one may
// end from now on if d may.
func (m *Member) beginLeave(ctx context.Context, d *departure) bool {
	begun := false
	m.edit(func(s *snapshot) {
		if begun = s.phase == active && !s.leaving; begun {
			s.leaving, s.departure = true, d
		}
		if s.leaving && d.mayEnd.Load() {
			s.mayEnd = true
			s.departure.mayEnd.Store(true)
		}
	})
	if begun {
		m.keys.Leaving(ctx, true)
	}
	return begun
}

// stay cancels the leave.
func (m *Member) stay(ctx context.Context) {
	if m.gone() {
		return
	}
	m.edit((*snapshot).stay)
	m.stayed(ctx)
}

func (s *snapshot) stay() {
	s.leaving, s.mayEnd, s.bound, s.departure, s.recalled = false, false, false, nil, false
}

// stayed follows the cancellation of the leave.
func (m *Member) stayed(ctx context.Context) {
	m.keys.Leaving(ctx, false)
	m.keyframe() // supersedes the event Leaving
}

// takeBack cancels the leave if it is still that of the given departure. It returns false if the
// member is bound.
func (m *Member) takeBack(ctx context.Context, d *departure) bool {
	bound, stays := false, false
	m.edit(func(s *snapshot) {
		if s.departure != d {
			return // a last call has cancelled it; another leave may have begun since
		}
		if stays = s.stance().MayTakeBack(); stays {
			s.stay()
		} else {
			bound = true
		}
	})
	if stays {
		m.stayed(ctx)
	}
	return !bound
}

// answerLastCall answers a last call for this member. The member stays, and has taken its leave back
// if it had one; or it is bound; or, while it departs, it is neither yet (chord.Silent).
func (m *Member) answerLastCall(ctx context.Context) (answer chord.Stance) {
	var from *departure
	m.edit(func(s *snapshot) {
		switch answer = s.stance().AnswerLastCall(s.mayEnd); {
		case answer == chord.Bound:
			s.bound = true
		case s.leaving && m.splicing.Load(): // it has handed over everything, and neighbors may have removed it
			answer, s.recalled = chord.Silent, true
		case s.leaving:
			from = s.departure
			s.stay()
		}
	})
	if from != nil {
		m.stayed(ctx)
		from.recall()
	}
	return answer
}

// beginSplice reports whether the member may still depart. From then on a last call waits for the
// departure's outcome.
func (m *Member) beginSplice() (ok bool) {
	var from *departure
	m.edit(func(s *snapshot) {
		if ok = s.leaving && !s.recalled && !m.splicing.Load(); ok {
			m.splicing.Store(true)
		} else if s.recalled {
			from = s.departure
		}
	})
	if from != nil {
		from.recall()
	}
	return ok
}

// stance returns what the member answers when a leaver asks whether it stays.
func (s *snapshot) stance() chord.Stance {
	switch {
	case s.bound:
		return chord.Bound
	case s.leaving:
		return chord.Leaves
	}
	return chord.Stays
}

// leave hands off the keys, then splices the member out of the ring.
func (m *Member) leave(ctx context.Context, deadline time.Time) error {
	receiver, err := m.keys.Leave(ctx, deadline)
	if err != nil {
		return err
	}
	gap := time.Duration(0)
	for {
		head := m.State().Head()
		err := m.splice(ctx, head, receiver)
		if err == nil || isStop(err) || errors.Is(err, kv.ErrLastHost) || ctx.Err() != nil {
			return err
		}
		if !m.env.Now().Before(deadline) {
			return fmt.Errorf("the neighbors did not all accept the leave before the deadline: %w", err)
		}
		// In most cases the member waits for its head, which sends Depart when it leaves. No other
		// change makes the member ask the head again immediately.
		for wait := m.backoff(&gap, retry.Depart, m.host.cfg.Stabilize); ; {
			woken := m.moved.Wait(wait)
			if isStop(woken) {
				return errGone
			}
			if woken != nil || m.State().Head() != head {
				break
			}
		}
	}
}

// splice sends Depart to the member's neighbors and to the first member after it that stays. The
// successor list in that message begins with the latter (chord.DepartingList). If no such member is
// known, chord.DepartsFirst decides whether this one waits for its head.
func (m *Member) splice(ctx context.Context, head, receiver chord.Peer) error {
	if head.ID == m.self.ID { // the member is alone: there are no pointers to splice
		m.depart(ctx, chord.Peer{})
		return nil
	}
	near, err := m.askNear(ctx, head, receiver)
	if err != nil {
		m.hasten()
		return fmt.Errorf("cannot read the pointers of successor %s: %w", head.Addr, err)
	}
	stays, found := chord.Receiver(near.after, near.stance)
	s := m.State()
	switch {
	case found && slices.Contains(s.Succ, stays):
		s.Succ = chord.DepartingList(s.Succ, stays)
	case found && stays == receiver: // the receiver lies beyond the successor list
		if near.err != nil {
			return fmt.Errorf("cannot read the pointers of %s, which received the keys: %w", receiver.Addr, near.err)
		}
		s.Succ = append([]chord.Peer{receiver}, near.beyond...)
	case found:
		return errors.New("cannot choose the member that takes this one's place: the successors have just changed")
	case receiver.Real() && errors.Is(near.err, errDead):
		return fmt.Errorf("%w: %s, which received them, is dead", kv.ErrLastHost, receiver.Addr)
	case chord.DepartsFirst(head, m.self):
		if !receiver.Real() { // the member had no range, so no handoff has shown whether some member stays
			if err := m.keys.Lonely(ctx); err != nil {
				return err
			}
		}
		return fmt.Errorf("waiting for successor %s, which leaves too, and first", head.Addr)
	default:
		stays = head
	}
	if !m.beginSplice() {
		return fmt.Errorf("%w: a last call has cancelled the leave", kv.ErrLastHost)
	}
	defer m.splicing.Store(false)
	notified := []chord.Peer{stays}
	for _, p := range []chord.Peer{head, s.Pred} {
		if p.Real() && !slices.Contains(notified, p) {
			notified = append(notified, p)
		}
	}
	errs := make([]error, len(notified))
	if err := each(m.env, ctx, len(notified), func(ctx context.Context, i int) {
		errs[i] = m.sendDepart(ctx, notified[i], s, near.silent(notified[i]))
	}); err != nil {
		return errGone
	}
	for i, err := range errs {
		if err != nil && (i == 0 || !errors.Is(err, errDead)) {
			return fmt.Errorf("cannot send Depart to neighbor %s: %w", notified[i].Addr, err)
		}
	}
	m.depart(ctx, stays)
	return nil
}

// near has the answers of a leaver's neighbors.
type near struct {
	after   []chord.Peer                // the queried members, nearest first
	stances map[chord.Peer]chord.Stance // never iterated
	beyond  []chord.Peer                // the successors of a receiver that lies beyond the list
	err     error                       // why it is not known whether the receiver is alive; nil if it is alive
}

func (n *near) stance(p chord.Peer) chord.Stance { return n.stances[p] }

// silent reports whether a peer was queried and has not answered.
func (n *near) silent(p chord.Peer) bool {
	s, asked := n.stances[p]
	return asked && s == chord.Silent
}

// askNear queries the head whether it stays. If the head leaves, or another member has received
// this one's range, askNear also queries, concurrently, the other members of the successor list,
// and the receiver for its successors. Members other than the head and the receiver get one try
// each: silent ones are skipped.
func (m *Member) askNear(ctx context.Context, head, receiver chord.Peer) (*near, error) {
	n := &near{after: []chord.Peer{head}, stances: make(map[chord.Peer]chord.Stance)}
	known := head == receiver || !receiver.Real()
	if known {
		a, _, err := m.ping(ctx, head)
		if err != nil {
			return nil, err
		}
		n.stances[head] = stanceOf(a, nil)
		if n.stances[head].Receives() {
			return n, nil
		}
	}
	s := m.State()
	n.after = s.Live()
	ask := slices.Clone(s.Live())
	if !slices.Contains(ask, s.Pred) { // in a small ring the predecessor is a successor, too
		ask = append(ask, s.Pred)
	}
	ask = slices.DeleteFunc(ask, func(p chord.Peer) bool { return !p.Real() || known && p == head })
	if receiver.Real() && !slices.Contains(n.after, receiver) { // it lies beyond the list, before or at the predecessor
		n.after = append(n.after, receiver)
		if receiver != s.Pred {
			ask = append(ask, receiver)
		}
	}
	stances := make([]chord.Stance, len(ask))
	var next chord.Neighbors
	err := each(m.env, ctx, len(ask), func(ctx context.Context, i int) {
		switch p := ask[i]; {
		case p == receiver && !slices.Contains(s.Succ, p):
			if next, n.err = m.pointers(ctx, p, false); n.err == nil {
				stances[i] = chord.Stays
			}
		case p == receiver:
			a, _, err := m.ping(ctx, p)
			stances[i], n.err = stanceOf(a, err), err
		default:
			a, err := env.Ring(m.env, p.Addr, m.host.cfg.CallLimit).Ping(ctx, &nodepb.PingRequest{Call: m.Call(p)})
			_, err = verifyAnswer(m, ctx, p, a, err)
			stances[i] = stanceOf(a, err)
		}
	})
	if err != nil {
		return nil, errGone
	}
	for i, p := range ask {
		n.stances[p] = stances[i]
	}
	n.beyond = next.Succ
	return n, nil
}

func stanceOf(a *nodepb.PingResponse, err error) chord.Stance {
	switch {
	case err != nil:
		return chord.Silent
	case a.Leaving:
		return chord.Leaves
	}
	return chord.Stays
}

// sendDepart sends Depart to a neighbor. A neighbor that was just silent gets only one try.
func (m *Member) sendDepart(ctx context.Context, to chord.Peer, s chord.State, silent bool) error {
	depart := func(r nodepb.RingClient) (*nodepb.DepartResponse, error) {
		return r.Depart(ctx, &nodepb.DepartRequest{Call: m.Call(to), Predecessor: wire.Ref(s.Pred, m.peers.seq(s.Pred)), Successors: wire.Peers(s.Succ)})
	}
	if silent {
		a, err := depart(env.Ring(m.env, to.Addr, m.host.cfg.CallLimit))
		_, err = verifyAnswer(m, ctx, to, a, err)
		return err
	}
	_, _, err := ask(m, ctx, to, false, depart)
	return err
}

// depart emits the member's last event and ends the member.
func (m *Member) depart(ctx context.Context, successor chord.Peer) {
	m.stage.CompareAndSwap(hidden, withdrawn) // a start that is not emitted yet must not be emitted after the end
	m.Emit(ctx, chordevent.Left{Successor: m.ref(successor)})
	m.muted.Store(true)
	m.host.depart(m.wireSelf())
	m.die()
}

// abandon ends a member without a handoff.
func (m *Member) abandon(ctx context.Context) {
	if m.gone() {
		return
	}
	if s := m.now.Load(); s.phase == active && !s.leaving { // a joiner was never a member, so no Leaving is emitted for it
		m.Emit(ctx, chordevent.Leaving{})
	}
	m.depart(ctx, chord.Peer{})
}

// Crash ends the member without an event and without a message to peers.
func (m *Member) Crash() {
	m.muted.Store(true)
	m.die()
}

// die ends the member: from now on it answers NOT_MEMBER, and its tasks return.
func (m *Member) die() {
	m.edit(func(s *snapshot) { s.phase = gone })
	m.host.remove(m)
	m.host.wake.Set()
	m.wake.Set()
	m.parked.wake()
}
