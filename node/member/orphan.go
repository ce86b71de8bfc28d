package member

import (
	"context"
	"slices"

	"chordconductor/node/chord"
	"chordconductor/node/env"
	"chordconductor/node/nodepb"
)

// maxPings bounds the contacts that an orphan pings at the same time.
const maxPings = 32

// orphaned is the round of a member that has no live successor and no predecessor. The member
// continues to serve. If any known peer answers, the member joins again and keeps its data, unless
// another member has since joined through it: that member would find it dead. Only if no known peer
// answers does the member count as alone; until then it asks again in every round.
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
			m.setHosts(s, nil) // otherwise replicas of the keys would be looked for on hosts of which none answers
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

// answering pings contacts, and lists the members that answer, except leavers: no member can join
// through a leaver, and a leaver has usually just left this ring. It also reports whether any
// member answers.
func (m *Member) answering(ctx context.Context, contacts []candidate) (found []candidate, some bool, err error) {
	for len(contacts) > 0 {
		batch := contacts[:min(len(contacts), maxPings)]
		contacts = contacts[len(batch):]
		answers, errs, leaving := make([]chord.Peer, len(batch)), make([]error, len(batch)), make([]bool, len(batch))
		if err := each(m.env, ctx, len(batch), func(ctx context.Context, i int) {
			p := batch[i].peer
			a, err := env.Ring(m.env, p.Addr, m.host.cfg.CallLimit).Ping(ctx, &nodepb.PingRequest{Call: m.Call(p)})
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

// Alone reports whether the member has no live successor and none of the known peers has answered it. While Alone
// returns false, other members of the ring may be alive.
func (m *Member) Alone() bool {
	s := m.now.Load()
	return s.alone && len(s.Live()) == 0
}

// Known lists the members that this one takes for alive: the others of its host, and the known peers on other hosts,
// the nearest clockwise first. After a large failure they may be on another ring.
func (m *Member) Known() []chord.Peer {
	var list []chord.Peer
	for _, other := range m.host.Members() {
		if other != m && other.now.Load().phase == active {
			list = append(list, other.self)
		}
	}
	return append(list, m.Remembered()...)
}

// acquaintGap is the time, in call limits, for which Acquaint does not ping a silent host again.
const acquaintGap = 20

// Acquaint pings the hosts to join through on which the member knows no live peer, and queues the
// members that answer as contacts: several members may have joined at the same time and lost all
// members that would have connected them.
func (m *Member) Acquaint(ctx context.Context) error {
	since := m.env.Now().Add(-acquaintGap * m.host.cfg.CallLimit)
	alive, _ := m.peers.addresses()
	var unknown []string
	for _, addr := range m.host.cfg.Join {
		if addr != m.self.Addr && !slices.Contains(alive, addr) && !slices.Contains(unknown, addr) && !m.host.silences.after(addr, since) {
			unknown = append(unknown, addr)
		}
	}
	for batch := range slices.Chunk(unknown, maxPings) {
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
