package member

import (
	"cmp"
	"context"
	"errors"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/nodepb"
	"chordconductor/otel/chordevent"
)

// Merging: after a partition, or when a host restarts without being told whom to join, there are two rings whose members
// no longer know each other by their pointers. What brings them together is that members remember whom they lost, ask
// now and then whether they are back, and on contact look themselves up over there.

// maxHintHops bounds how far a contact of another ring is passed on.
const maxHintHops = 2

// probe pings one lost peer, if one is due; else the next of the addresses to join through, until the host has asked
// each a few times; else, now and then, a peer it should be one ring with. Two rings may have come apart
// without a member of one finding a member of the other dead, or have been founded apart.
func (m *Member) probe() {
	base, now := m.host.cfg.Stabilize, m.env.Now()
	m.side.probe = now.Add(m.jitter(2 * base))
	m.meetCohosted()
	p, due := m.book.dueProbe(now)
	if !due {
		p, due = m.nextContact()
	}
	if !due && !now.Before(m.side.roam) {
		m.side.roam = now.Add(m.jitter(32 * base))
		p, due = m.distant(now)
	}
	if !due {
		return
	}
	r := m.begin(context.Background(), chordevent.SpanProbe)
	a, err := m.env.Ring(p.Addr, m.host.cfg.CallLimit).Ping(r.ctx, &nodepb.PingRequest{Call: m.Call(p)})
	self, err := judge(m, r.ctx, p, a, err)
	r.about(cmp.Or(self, p))
	switch {
	case err == nil || err == errBusy:
		err = m.meet(r, self, maxHintHops)
	case errors.Is(err, errDead) && p.Incarnation == 0:
		err = nil
	case errors.Is(err, errDead) && self.Real(): // another life
		m.book.forget(p)
		err = m.meet(r, self, maxHintHops)
	case errors.Is(err, errDead):
		m.book.lose(p, m.env.Now(), 4*base)
		err = nil
	}
	r.end(err)
}

// meetCohosted proposes the nearest active member of the same host that the member's pointers pass over. It takes no call:
// what breaks a ring apart while it forms leaves members of one host on both sides as a rule.
func (m *Member) meetCohosted() {
	s := m.State()
	nearest := s.Head()
	for _, other := range m.host.Members() {
		if other.now.Load().phase == active && other != m && chord.Between(m.self.ID, other.self.ID, nearest.ID) {
			nearest = other.self
		}
	}
	if nearest != s.Head() {
		r := m.begin(context.Background(), chordevent.SpanProbe)
		r.about(nearest)
		m.propose(r, nearest)
		r.end(nil)
	}
}

// contactRounds is how often a host asks each of the addresses to join through. One that is still joining itself has no
// place to be met at.
const contactRounds = 3

// nextContact is any member of the next host to join through: the owners through which several joined may have died
// before these knew of each other. One member asks for its whole host.
func (m *Member) nextContact() (p chord.Peer, found bool) {
	told := m.host.cfg.Join
	for int(m.host.contacted.Load()) < contactRounds*len(told) {
		n := int(m.host.contacted.Add(1)) - 1
		if addr := told[n%len(told)]; addr != m.self.Addr {
			return chord.Peer{Addr: addr}, true
		}
	}
	return chord.Peer{}, false
}

// distant is by turns a peer that has not been heard for long, and any member of a host through which this one was told
// to join.
func (m *Member) distant(now time.Time) (p chord.Peer, found bool) {
	if told := m.host.cfg.Join; len(told) > 0 && m.env.Uint64()%2 == 0 {
		addr := told[m.env.Uint64()%uint64(len(told))]
		return chord.Peer{Addr: addr}, addr != m.self.Addr
	}
	return m.book.longUnheard(now, 32*m.host.cfg.Stabilize)
}

// followHint handles a contact that a peer has named.
func (m *Member) followHint(h *hint) {
	r := m.begin(h.ctx, chordevent.SpanHint)
	r.about(h.contact)
	r.end(m.meet(r, h.contact, h.hops))
}

// meet is the contact with a member that may be of another ring. The loop considers it as a nearer successor. Then the
// member looks itself up over there: if it is not found, the rings are two, and the owner of its place there, which is
// its successor once they are one, is told of it. The contact is passed on to its successor and its fingers.
func (m *Member) meet(r *round, q chord.Peer, hops int32) error {
	now, base := m.env.Now(), m.host.cfg.Stabilize
	if !m.inbox.meet(q.ID, now, 4*base) {
		return nil
	}
	m.propose(r, q)
	l := Lookup{Key: m.self.ID, Start: now}
	owner, err := m.walk(r.ctx, m.self.ID, []candidate{{peer: q}}, &l, now.Add(m.host.cfg.LookupLimit), maxHops, func(_ chord.Peer, a *nodepb.FindNextResponse) bool { return a.Owner })
	if isStop(err) {
		return err
	}
	if err == nil && owner.ID == m.self.ID {
		m.rival(owner)
	}
	if err != nil || owner.ID == m.self.ID {
		return nil // unreachable after all, or one ring already
	}
	ctx := r.changed()
	m.propose(r, owner)
	m.sendHint(ctx, owner, nodepb.HintRequest_KIND_OTHER_RING, m.self, 0)
	if len(l.Path) > 1 { // the one before the owner there: this member is its nearer successor
		m.sendHint(ctx, l.Path[len(l.Path)-2].Peer, nodepb.HintRequest_KIND_OTHER_RING, m.self, 0)
	}
	if hops > 0 {
		for _, p := range m.spread() {
			m.sendHint(ctx, p, nodepb.HintRequest_KIND_OTHER_RING, q, hops-1)
		}
	}
	return nil
}

// propose has the loop consider a nearer successor.
func (m *Member) propose(r *round, p chord.Peer) {
	if chord.Nearer(m.State(), p) {
		m.inbox.consider(hint{r.changed(), p, 0})
		m.wake.Set()
	}
}

// spread is whom a contact is passed on to: the successor and some fingers.
func (m *Member) spread() []chord.Peer {
	const most = 4
	now := m.now.Load()
	var list []chord.Peer
	if head := now.Head(); head.ID != m.self.ID {
		list = append(list, head)
	}
	runs := now.fingers.Runs()
	for i := len(runs) - 1; i >= 0 && len(list) < most; i-- {
		if p := runs[i].Peer; p.Real() && p != now.Head() {
			list = append(list, p)
		}
	}
	return list
}
