package member

import (
	"context"
	"errors"
	"slices"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/env"
	"chordconductor/node/nodepb"
	"chordconductor/node/retry"
	"chordconductor/node/wire"
	"chordconductor/otel/chordevent"
)

// stabilize runs one round and sets the time of the next: immediately after a change, then at
// intervals that double up to the base interval.
func (m *Member) stabilize() {
	m.meetCohosted()
	r := m.begin(context.Background(), chordevent.SpanStabilize)
	err := m.stabilizeRound(r)
	s, base := &m.schedule, m.host.cfg.Stabilize
	if s.quiet++; r.did { // the round has changed something
		s.quiet = 0
	}
	r.end(err)
	gap := base
	if s.quiet < 5 {
		gap = base >> (5 - s.quiet)
	}
	s.stabilize = m.env.Now().Add(m.jitter(gap))
}

// stabilizeRound is Zave's StabilizeFromSuccessor and, if that names a candidate,
// StabilizeFromPredecessor. After a dead head it queries the next one immediately, so k adjacent
// crashes cost k time limits and not k rounds. It ends with one notify.
func (m *Member) stabilizeRound(r *round) error {
	var candidate chord.Peer
	var follow bool
	var crashed crashedHosts
	for {
		s := m.State()
		head := s.Head()
		if head.ID == m.self.ID {
			if !s.Pred.Real() {
				return m.orphaned(r)
			}
			_, candidate, follow = chord.HeadAlive(m.host.space, s, s.Neighbors())
			break
		}
		r.about(head)
		n, err := chord.Neighbors{}, error(errDead)
		if !crashed.took(head) {
			n, err = m.neighbors(r.ctx, head)
		}
		if err == nil {
			m.apply(r.changed, func(s chord.State) chord.State {
				if s.Head() == head { // otherwise the head has departed since
					s, candidate, follow = chord.HeadAlive(m.host.space, s, n)
				}
				return s
			})
			m.learnHosts(head, n.Succ, n.Past)
			break
		}
		if !errors.Is(err, errDead) {
			return err
		}
		m.failed(r.changed, head, chordevent.SpanStabilize)
		m.apply(r.changed, func(s chord.State) chord.State {
			if s.Head() != head {
				return s
			}
			return chord.HeadDead(m.host.space, s)
		})
		if err := crashed.check(m, r, head.Addr); err != nil {
			return err
		}
	}
	var err error
	if follow {
		err = m.adopt(r, candidate)
	}
	if isStop(err) {
		return err
	}
	m.notify(r.ctx, m.State().Head())
	return err
}

// adopt is Zave's StabilizeFromPredecessor: the candidate becomes the head if it is alive. The new
// head may not know the old one (two rings are merging), so it receives a hint.
func (m *Member) adopt(r *round, candidate chord.Peer) error {
	n, err := m.neighbors(r.ctx, candidate)
	switch {
	case errors.Is(err, errDead):
		m.failed(r.changed, candidate, r.name)
		return nil
	case err != nil:
		return err
	}
	var old chord.Peer
	changed := m.apply(r.changed, func(s chord.State) chord.State {
		old = s.Head()
		return chord.CandidateAlive(m.host.space, s, n)
	})
	m.learnHosts(candidate, n.Succ, n.Past)
	if !changed {
		return nil
	}
	if old.ID != m.self.ID && !slices.Contains(n.Succ, old) {
		m.sendHint(r.ctx, n.Peer, nodepb.HintRequest_KIND_OTHER_RING, old, 0)
	}
	return nil
}

// notify sends Notify to the head. If the head is dead, the next stabilize round finds that out.
func (m *Member) notify(ctx context.Context, head chord.Peer) {
	if head.ID == m.self.ID {
		return
	}
	a, err := env.Ring(m.env, head.Addr, m.host.cfg.CallLimit).Notify(ctx, &nodepb.NotifyRequest{Call: m.Call(head)})
	verifyAnswer(m, ctx, head, a, err)
}

// sendHint sends a contact to a peer. Hints only make repairs faster: no operation depends on them.
func (m *Member) sendHint(ctx context.Context, to chord.Peer, kind nodepb.HintRequest_Kind, contact chord.Peer, hops int32) {
	a, err := env.Ring(m.env, to.Addr, m.host.cfg.CallLimit).Hint(ctx, &nodepb.HintRequest{
		Call: m.Call(to), Kind: kind, Contact: wire.Ref(contact, m.peers.seq(contact)), HopsLeft: hops,
	})
	verifyAnswer(m, ctx, to, a, err)
}

// current reports whether n must still be handled. A live member sends a notice with every round.
// An old notice, or one of a peer that has been found dead since, is out of date: many of those
// would become the predecessor one after the other, each until a time limit passes.
func (m *Member) current(n *notice) bool {
	return m.env.Now().Sub(n.at) <= 2*m.host.cfg.Stabilize && !m.peers.lostSince(n.from, n.at)
}

// rectify handles a notify. The replaced predecessor receives a hint of its nearer successor, so
// that it need not wait for its next stabilize round.
func (m *Member) rectify(n *notice) {
	r := m.begin(n.ctx, chordevent.SpanRectify)
	r.about(n.from)
	var old chord.Peer
	var ping bool
	changed := m.apply(r.changed, func(s chord.State) chord.State {
		old = s.Pred
		s, ping = chord.Rectify(s, n.from)
		return s
	})
	var err error
	if ping {
		var alive bool
		if alive, err = m.alive(r.ctx, old); err == nil && !alive {
			m.predecessorDead(r, old, n.from)
		}
	}
	if changed && old.Real() && old.ID != n.from.ID {
		m.sendHint(r.ctx, old, nodepb.HintRequest_KIND_NEARER_SUCCESSOR, n.from, 0)
	}
	r.end(err)
}

func (m *Member) predecessorDead(r *round, dead, next chord.Peer) {
	m.failed(r.changed, dead, r.name)
	m.apply(r.changed, func(s chord.State) chord.State {
		if s.Pred != dead {
			return s
		}
		return chord.PredDead(s, next)
	})
}

// checkPredecessor pings a predecessor that has not been seen for an interval.
func (m *Member) checkPredecessor() {
	now, base := m.env.Now(), m.host.cfg.Stabilize
	m.schedule.predecessor = now.Add(m.jitter(base))
	pred := m.State().Pred
	if !pred.Real() || m.peers.seenSince(pred, now.Add(-base)) {
		return
	}
	r := m.begin(context.Background(), chordevent.SpanCheckPredecessor)
	r.about(pred)
	alive, err := m.alive(r.ctx, pred)
	if err == nil && !alive {
		m.predecessorDead(r, pred, chord.Peer{})
	}
	r.end(err)
}

// outdated reports whether, since h was received, its contact has been found dead or the contact's host has become
// silent.
func (m *Member) outdated(h *hint) bool {
	return m.peers.lostSince(h.contact, h.at) || m.host.silences.after(h.contact.Addr, h.at)
}

// consider makes the contact of h, a live member found by the background task, the head if it is a
// nearer successor.
func (m *Member) consider(h *hint) {
	r := m.begin(h.ctx, chordevent.SpanMerge)
	r.about(h.contact)
	var err error
	if chord.Nearer(m.State(), h.contact) && !m.outdated(h) {
		err = m.adopt(r, h.contact)
	}
	r.end(err)
}

// checkSuspect finds out whether a peer that did not answer a lookup is dead.
func (m *Member) checkSuspect(p chord.Peer) {
	r := m.begin(context.Background(), chordevent.SpanCheckSuspect)
	r.about(p)
	alive, err := m.alive(r.ctx, p)
	if err == nil && !alive {
		m.failed(r.changed, p, chordevent.SpanLookup)
	}
	r.end(err)
}

// sortClockwise sorts peers by distance from the member.
func (m *Member) sortClockwise(peers []chord.Peer) {
	slices.SortFunc(peers, func(a, b chord.Peer) int {
		return m.host.space.Distance(m.self.ID, a.ID).Compare(m.host.space.Distance(m.self.ID, b.ID))
	})
}

// shuffle puts peers in random order.
func (m *Member) shuffle(peers []chord.Peer) {
	for i := len(peers) - 1; i > 0; i-- {
		j := int(m.env.Uint64() % uint64(i+1))
		peers[i], peers[j] = peers[j], peers[i]
	}
}

// backoff doubles a gap, from `first` up to `greatest`, and returns it jittered.
func (m *Member) backoff(gap *time.Duration, first, greatest time.Duration) time.Duration {
	*gap = retry.Pace{First: first, Most: greatest}.Next(*gap)
	return m.jitter(*gap)
}
