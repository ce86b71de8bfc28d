package member

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/env"
	"chordconductor/node/nodepb"
	"chordconductor/otel/chordevent"
)

// Merging: after a partition, or when a host restarts without addresses to join through, there may
// be two rings whose members do not point to each other. The rings merge because members store the
// peers that they lost, ping these at long intervals, and, when one answers, look up their own
// place in the other ring.

// maxHintHops bounds how many times a contact of another ring is passed on.
const maxHintHops = 2

// probe pings one peer or host, alternating between kinds: a lost peer that is due; the next of the
// addresses to join through, until the host has pinged each a few times; and at long intervals
// (shorter for a while after a peer was found dead) a stale peer or an address to join through. The
// latter because two rings may have separated without any member finding a member of the other ring
// dead, or may have been founded separately. The kinds alternate so that many lost peers do not
// delay the others.
func (m *Member) probe() {
	base, now := m.host.cfg.Stabilize, m.env.Now()
	m.background.probe = now.Add(m.jitter(2 * base))
	if m.bereft.Swap(false) {
		m.background.staleProbeGap = 0
		if soon := now.Add(m.jitter(4 * base)); soon.Before(m.background.staleProbe) {
			m.background.staleProbe = soon
		}
	}
	kinds := [...]func() (chord.Peer, bool){
		func() (chord.Peer, bool) { return m.peers.dueProbe(now) },
		m.nextContact,
		func() (chord.Peer, bool) {
			if now.Before(m.background.staleProbe) {
				return chord.Peer{}, false
			}
			m.background.staleProbe = now.Add(m.backoff(&m.background.staleProbeGap, 4*base, 32*base))
			return m.distant(now, m.background.staleProbeGap)
		},
	}
	var p chord.Peer
	due := false
	for i := 0; i < len(kinds) && !due; i++ {
		p, due = kinds[(m.background.probes+i)%len(kinds)]()
	}
	m.background.probes++
	if !due {
		return
	}
	r := m.begin(context.Background(), chordevent.SpanProbe)
	a, err := env.Ring(m.env, p.Addr, m.host.cfg.CallLimit).Ping(r.ctx, &nodepb.PingRequest{Call: m.Call(p)})
	self, err := verifyAnswer(m, r.ctx, p, a, err)
	r.about(cmp.Or(self, p))
	switch {
	case err == nil || err == errBusy:
		err = m.meet(r, self, maxHintHops)
	case errors.Is(err, errDead) && p.Incarnation == 0:
		err = nil
	case errors.Is(err, errDead) && self.Real(): // another incarnation answers
		m.peers.forget(p)
		err = m.meet(r, self, maxHintHops)
	case errors.Is(err, errDead):
		m.peers.lose(p, m.env.Now(), 4*base)
		if silent := loss(""); errors.As(err, &silent) {
			m.peers.silent(p, m.env.Now())
		}
		err = nil
	}
	r.end(err)
}

// meetCohosted proposes the nearest active member of the same host that the member's pointers skip,
// in every stabilize round. It takes no call, and helps since a ring that breaks apart usually has
// members of one host in both parts.
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

// contactRounds is how many times a host pings each of the addresses to join through: at first the
// other host may itself be joining, and has no member on a ring yet.
const contactRounds = 3

// nextContact returns any member of the next host to join through. When several members join, those
// through which they joined may die before the joiners have pointers to each other. One member
// pings for its whole host.
func (m *Member) nextContact() (p chord.Peer, found bool) {
	seeds := m.host.cfg.Join
	for int(m.host.contacted.Load()) < contactRounds*len(seeds) {
		n := int(m.host.contacted.Add(1)) - 1
		if addr := seeds[n%len(seeds)]; addr != m.self.Addr {
			return chord.Peer{Addr: addr}, true
		}
	}
	return chord.Peer{}, false
}

// distant returns at random a stale peer, or any member of a host to join through.
func (m *Member) distant(now time.Time, silence time.Duration) (p chord.Peer, found bool) {
	if seeds := m.host.cfg.Join; len(seeds) > 0 && m.env.Uint64()%2 == 0 {
		addr := seeds[m.env.Uint64()%uint64(len(seeds))]
		return chord.Peer{Addr: addr}, addr != m.self.Addr
	}
	return m.peers.stalest(now, silence)
}

// followHint handles the contact of a hint that a peer has sent.
func (m *Member) followHint(h *hint) {
	r := m.begin(h.ctx, chordevent.SpanHint)
	r.about(h.contact)
	var err error
	if !m.outdated(h) {
		err = m.meet(r, h.contact, h.hops)
	}
	r.end(err)
}

// meet handles the contact with a member that may be on another ring. The loop considers the
// contact as a nearer successor. Then the member looks up its own place from the contact, by the
// pointers of that ring: if the lookup does not find the member itself, there are two rings. Who
// owns the place does not matter, since after a partition ownership may be decided before the
// pointers are. The two members between which this one belongs receive a hint of it, and it
// considers them. It passes the contact on to its successor and its fingers.
func (m *Member) meet(r *round, q chord.Peer, hops int32) error {
	now, base := m.env.Now(), m.host.cfg.Stabilize
	if !m.inbox.meet(q.ID, now, 4*base) {
		return nil
	}
	m.propose(r, q)
	l := Lookup{Key: m.self.ID, Start: now}
	var after chord.Peer // the member after before
	before, err := m.iterate(r.ctx, m.self.ID, []candidate{{peer: q}}, &l, now.Add(m.host.cfg.LookupLimit), maxHops, func(asked chord.Peer, a *nodepb.FindNextResponse) bool {
		after = asked // before is the member itself, or alone
		if !a.Final || asked.ID == m.self.ID {
			return asked.ID == m.self.ID
		}
		if next, err := m.candidatesFromWire(a); err == nil {
			if i := slices.IndexFunc(next, func(c candidate) bool { return c.final }); i >= 0 {
				after = next[i].peer
			}
		}
		return true
	})
	if isStop(err) {
		return err
	}
	if err == nil && after.ID == m.self.ID {
		m.rival(after)
	}
	if err != nil || after.ID == m.self.ID {
		return nil // not reachable after all, or already one ring
	}
	ctx := r.changed()
	m.propose(r, after)
	m.sendHint(ctx, before, nodepb.HintRequest_KIND_OTHER_RING, m.self, 0) // this member is its nearer successor
	if after != before {
		m.sendHint(ctx, after, nodepb.HintRequest_KIND_OTHER_RING, m.self, 0)
	}
	if hops > 0 {
		for _, p := range m.knownTargets() {
			m.sendHint(ctx, p, nodepb.HintRequest_KIND_OTHER_RING, q, hops-1)
		}
	}
	return nil
}

// propose queues a nearer successor for the loop to consider.
func (m *Member) propose(r *round, p chord.Peer) {
	if chord.Nearer(m.State(), p) {
		m.inbox.consider(hint{r.changed(), p, 0, m.env.Now()})
		m.wake.Set()
	}
}

// knownTargets lists the peers to which a contact is passed on: the successor and some fingers.
func (m *Member) knownTargets() []chord.Peer {
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
