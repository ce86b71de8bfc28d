package member

import (
	"context"
	"errors"
	"fmt"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/keeper"
	"chordconductor/node/nodepb"
	"chordconductor/otel/chordevent"
)

// Leave makes the member go gracefully: it hands its keys over, then splices itself out. After an error it stays, as if
// nothing had been said. It blocks, LeaveLimit at most or until ctx ends, and belongs to the task that calls it.
func (m *Member) Leave(ctx context.Context) error {
	leading := false
	m.edit(func(s *snapshot) {
		leading = s.phase == active && !s.leaving
		s.leaving = s.leaving || leading
	})
	if !leading {
		return fmt.Errorf("member %s is %s and cannot leave", m.hex, m.Status())
	}
	ctx, span := m.startSpan(ctx, chordevent.SpanLeave)
	m.Emit(ctx, chordevent.Leaving{Successor: m.ref(m.State().Head())})
	err := m.leave(ctx)
	if err != nil && !m.gone() {
		m.edit(func(s *snapshot) { s.leaving = false })
		m.keyframe() // takes Leaving back
		err = fmt.Errorf("member %s stays: %w", m.hex, err)
	}
	m.endSpan(span, err)
	return err
}

func (m *Member) leave(ctx context.Context) error {
	deadline := m.env.Now().Add(m.host.cfg.LeaveLimit)
	gap := time.Duration(0)
	var last error
	for {
		if !m.env.Now().Before(deadline) {
			return fmt.Errorf("not done in %v: %w", m.host.cfg.LeaveLimit, last)
		}
		if last = m.tryLeave(ctx, deadline); last == nil || isStop(last) || errors.Is(last, keeper.ErrLastHost) || ctx.Err() != nil {
			return last
		}
		if m.env.Sleep(m.backoff(&gap, 10*time.Millisecond, m.host.cfg.Stabilize)) != nil {
			return errGone
		}
	}
}

func (m *Member) tryLeave(ctx context.Context, deadline time.Time) error {
	s := m.State()
	head := s.Head()
	if head.ID == m.self.ID { // alone: there is nobody to splice
		if err := m.keys.Leave(ctx, deadline); err != nil {
			return err
		}
		m.depart(ctx, chord.Peer{})
		return nil
	}
	a, _, err := m.ping(ctx, head)
	if err != nil {
		m.hasten()
		return fmt.Errorf("successor %s: %w", head.Addr, err)
	}
	if a.Leaving && head.ID.Compare(m.self.ID) > 0 {
		return fmt.Errorf("successor %s leaves first", head.Addr)
	}
	if err := m.keys.Leave(ctx, deadline); err != nil {
		return err
	}
	s = m.State()
	if s.Head() != head {
		return errors.New("the successor has changed")
	}
	m.splicing.Store(true)
	defer m.splicing.Store(false)
	if err := m.sayDepart(ctx, head, s); err != nil {
		return fmt.Errorf("successor %s: %w", head.Addr, err)
	}
	if s.Pred.Real() && s.Pred != head {
		if err := m.sayDepart(ctx, s.Pred, s); err != nil && !errors.Is(err, errDead) {
			return fmt.Errorf("predecessor %s: %w", s.Pred.Addr, err)
		}
	}
	m.depart(ctx, head)
	return nil
}

func (m *Member) sayDepart(ctx context.Context, to chord.Peer, s chord.State) error {
	_, _, err := ask(m, ctx, to, false, func(r nodepb.RingServer) (*nodepb.DepartResponse, error) {
		return r.Depart(ctx, &nodepb.DepartRequest{Call: m.Call(to), Predecessor: peerToWire(s.Pred, m.book.seq(s.Pred)), Successors: peersToWire(s.Succ)})
	})
	return err
}

// depart is the member's last word.
func (m *Member) depart(ctx context.Context, successor chord.Peer) {
	m.stage.CompareAndSwap(hidden, withdrawn) // a start that is not told yet must not be told after the end
	m.Emit(ctx, chordevent.Left{Successor: m.ref(successor)})
	m.muted.Store(true)
	m.host.depart(m.wireSelf())
	m.die()
}

// abandon is the leave of a member that has nobody to hand over to.
func (m *Member) abandon(ctx context.Context) {
	if m.gone() {
		return
	}
	if m.now.Load().phase == active { // one that is about to leave counts as a member, which another never was
		m.Emit(ctx, chordevent.Leaving{})
	}
	m.depart(ctx, chord.Peer{})
}

// Crash ends the member without a word, to peers or to telemetry.
func (m *Member) Crash() {
	m.muted.Store(true)
	m.die()
}

// die ends the member: from now on it answers NOT_MEMBER, and its tasks return.
func (m *Member) die() {
	m.edit(func(s *snapshot) { s.phase = gone })
	m.host.remove(m)
	m.wake.Set()
	m.parked.wake()
}
