package member

import (
	"context"
	"slices"

	"chordconductor/node/chord"
	"chordconductor/node/nodepb"
)

// maxPings bounds the contacts that an orphan pings side by side.
const maxPings = 32

// orphaned is what a member does that has no live successor and no predecessor: alone it serves on, but if anybody it
// has known answers, it joins afresh, and keeps its data. Not if somebody has joined it meanwhile, who would take it for
// gone. Only if nobody answers it is known to be alone; until then it looks again in every round.
func (m *Member) orphaned(r *round) error {
	s, now, base := &m.schedule, m.env.Now(), m.host.cfg.Stabilize
	if m.now.Load().alone && now.Before(s.orphan) {
		return nil
	}
	found, some, err := m.answering(r.ctx, m.contacts())
	switch {
	case err != nil:
		return err
	case m.inbox.notified():
		return nil
	case len(found) == 0 && some:
		return nil
	case len(found) == 0:
		s.orphan = now.Add(m.backoff(&s.orphanGap, base, 64*base))
		m.edit(func(s *snapshot) {
			s.alone = true
			m.setHosts(s, nil) // else the keys' copies would be looked for on hosts of which none answers
		})
		m.keys.HostsChanged()
		return nil
	}
	before := m.now.Load()
	m.edit(func(s *snapshot) { s.phase, s.alone = looking, false })
	if _, err = m.tryJoin(r.changed(), found); err == nil {
		s.orphanGap = 0
		m.keys.Joined(r.ctx)
		return nil
	}
	m.edit(func(s *snapshot) { s.State, s.phase = before.State, active })
	if isStop(err) {
		return err
	}
	return nil
}

// answering pings contacts, and lists the members that answer, but for leavers: these are no ring to join, as mostly they
// have just left this one. It also reports whether anybody answers at all.
func (m *Member) answering(ctx context.Context, contacts []candidate) (found []candidate, some bool, err error) {
	for len(contacts) > 0 {
		batch := contacts[:min(len(contacts), maxPings)]
		contacts = contacts[len(batch):]
		answers, errs, leaving := make([]chord.Peer, len(batch)), make([]error, len(batch)), make([]bool, len(batch))
		if err := each(m.env, ctx, len(batch), func(ctx context.Context, i int) {
			p := batch[i].peer
			a, err := m.env.Ring(p.Addr, m.host.cfg.CallLimit).Ping(ctx, &nodepb.PingRequest{Call: m.Call(p)})
			answers[i], errs[i] = verifyAnswer(m, ctx, p, a, err)
			leaving[i] = a.GetLeaving()
		}); err != nil {
			return nil, false, errGone
		}
		for i, err := range errs {
			if isStop(err) {
				return nil, false, err
			}
			if err != nil && err != errBusy || answers[i].ID == m.self.ID {
				continue
			}
			if some = true; !leaving[i] {
				found = append(found, candidate{peer: answers[i]})
			}
		}
	}
	return found, some, nil
}

// Alone reports whether the member has no live successor, and nobody that it has known has answered since. What it does
// not see of the ring may still be there until then.
func (m *Member) Alone() bool {
	s := m.now.Load()
	return s.alone && len(s.Live()) == 0
}

// Known lists members that are alive as far as this one knows: the others of its host, and those of other hosts that it
// remembers, the nearest clockwise first. After a catastrophe they may be on another ring, without knowing.
func (m *Member) Known() []chord.Peer {
	var list []chord.Peer
	for _, other := range m.host.Members() {
		if other != m && other.now.Load().phase == active {
			list = append(list, other.self)
		}
	}
	return append(list, m.Remembered()...)
}

// acquaintGap is for how long a host that was silent is not asked by Acquaint, in call limits.
const acquaintGap = 20

// Acquaint pings the hosts to join through of which the member remembers nobody alive, and has its loop meet who answers:
// several may have joined at the same time and lost all through whom they would have come to know each other.
func (m *Member) Acquaint(ctx context.Context) error {
	since := m.env.Now().Add(-acquaintGap * m.host.cfg.CallLimit)
	alive, _ := m.peers.addresses()
	var strangers []string
	for _, addr := range m.host.cfg.Join {
		if addr != m.self.Addr && !slices.Contains(alive, addr) && !slices.Contains(strangers, addr) && !m.host.silences.after(addr, since) {
			strangers = append(strangers, addr)
		}
	}
	for batch := range slices.Chunk(strangers, maxPings) {
		if err := each(m.env, ctx, len(batch), func(ctx context.Context, i int) {
			if _, self, err := m.ping(ctx, chord.Peer{Addr: batch[i]}); (err == nil || err == errBusy) && self.ID != m.self.ID {
				m.inbox.hint(hint{ctx, self, maxHintHops, m.env.Now()})
			}
		}); err != nil {
			return err // the environment has ended
		}
	}
	m.wake.Set()
	return ctx.Err()
}
