package member

import (
	"context"

	"chordconductor/node/chord"
	"chordconductor/node/env"
	"chordconductor/node/nodepb"
	"chordconductor/otel/chordevent"
)

// fixFingers fixes one run of finger slots. A pass over all slots takes about log2 N rounds, since
// one answer fills a run. Rounds follow each other quickly while a pass changes something, and slow
// down while none does.
func (m *Member) fixFingers() {
	s, base := &m.background, m.host.cfg.Stabilize
	r := m.begin(context.Background(), chordevent.SpanFixFingers)
	done, err := m.fixFinger(r)
	s.news = s.news || r.did
	if done { // a pass over the slots has ended
		if s.news || s.gap == 0 {
			s.gap = base / 2
		} else {
			s.gap = min(2*s.gap, 8*base)
		}
		s.news = false
	}
	gap := s.gap
	if gap == 0 {
		gap = base / 8
	}
	r.end(err)
	s.fingers = m.env.Now().Add(m.jitter(gap))
}

// fixFinger fixes one run, and reports whether that completed a pass over the slots.
func (m *Member) fixFinger(r *round) (done bool, err error) {
	space, bits := m.host.space, m.host.cfg.Bits
	state, slot := m.State(), m.background.slot
	head := state.Head()
	answer := m.self
	if head.ID != m.self.ID {
		// The slots whose start lies up to the head need no query.
		if first := m.fill(r, slot, head); first >= bits {
			m.background.slot = 0
			return true, nil
		} else if first > slot {
			slot = first
		}
		if answer, err = m.askFinger(r, slot); err != nil {
			m.background.slot = (slot + 1) % bits
			return slot+1 >= bits, err
		}
	}
	m.setFingers(r.changed, func(f chord.Fingers) (chord.Fingers, []chord.Run) { return f.FillFrom(space, m.self.ID, slot, answer) })
	m.background.slot = m.slotAfter(slot, answer) % bits
	return m.background.slot == 0, nil
}

// fill fills the slots, beginning with slot, whose start lies in (self, head], and returns the
// first slot after these.
func (m *Member) fill(r *round, slot int, head chord.Peer) int {
	space := m.host.space
	if !chord.Owns(m.self.ID, space.FingerStart(m.self.ID, slot), head.ID) {
		return slot
	}
	m.setFingers(r.changed, func(f chord.Fingers) (chord.Fingers, []chord.Run) { return f.FillFrom(space, m.self.ID, slot, head) })
	return m.slotAfter(slot, head)
}

// slotAfter returns the first slot that the answer for the given slot does not fill.
func (m *Member) slotAfter(slot int, answer chord.Peer) int {
	space := m.host.space
	start := space.FingerStart(m.self.ID, slot)
	for slot++; slot < m.host.cfg.Bits && start != answer.ID && chord.Owns(start, space.FingerStart(m.self.ID, slot), answer.ID); slot++ {
	}
	return slot
}

// askFinger returns the owner of a slot's start. This takes one query if the owner is still the
// peer to which the slot points.
func (m *Member) askFinger(r *round, slot int) (chord.Peer, error) {
	now := m.now.Load()
	start := m.host.space.FingerStart(m.self.ID, slot)
	if p := now.fingers.At(slot); p.Real() {
		a, err := env.Ring(m.env, p.Addr, m.host.cfg.CallLimit).FindNext(r.ctx, &nodepb.FindNextRequest{Call: m.Call(p), Key: start[:], Final: true})
		if _, err := verifyAnswer(m, r.ctx, p, a, err); err == nil && a.Owner {
			return p, nil
		} else if isStop(err) {
			return chord.Peer{}, err
		} else if err != nil && err != errBusy {
			m.suspect(p)
		}
	}
	// A later round will try again, so a short limit suffices here.
	found, err := m.findWithin(r.ctx, start, m.host.cfg.Lookup, min(4*m.host.cfg.CallLimit, m.host.cfg.LookupLimit))
	return found.Owner, err
}
