package member

import (
	"context"
	"slices"
	"sync/atomic"

	"chordconductor/node/chord"
	"chordconductor/node/env"
	"chordconductor/node/nodepb"
	"chordconductor/node/wire"
)

// A member updates its host list (see chord.Hosts) whenever its head answers. A change also propagates between these
// answers, backwards along the ring: a member whose list has changed sends it to its predecessor, one call for each
// member whose replicas change with it. A message that is lost costs a stabilize interval, no more.

// hostNews is whether the host list is to be sent to the predecessor.
type hostNews struct {
	due  atomic.Bool // the predecessor does not have the latest
	busy atomic.Bool // a task is sending it
}

// Hosts lists the first distinct hosts after the member, as far as it knows: see chord.Hosts. It must not be changed.
func (m *Member) Hosts() []chord.Peer { return m.now.Load().hosts }

// HostOwns reports whether any member of this member's host owns a range.
func (m *Member) HostOwns() bool {
	return slices.ContainsFunc(m.host.Members(), func(other *Member) bool { return other.keys.Ownership().Owns })
}

// setHosts puts a host list into the next snapshot. It marks the list as due for the predecessor if the replicas in it
// have changed: the replicas of the members before it depend on these alone. The caller holds mu.
func (m *Member) setHosts(next *snapshot, hosts []chord.Peer) {
	replicas := func(list []chord.Peer) []chord.Peer { return list[:min(len(list), m.host.cfg.Replicas-1)] }
	if !slices.Equal(replicas(next.hosts), replicas(hosts)) {
		m.hostNews.due.Store(true)
	}
	next.hosts = hosts
	next.past = wire.Peers(chord.HostsPast(next.State, hosts))
}

// relistHosts recomputes the host list after a change of the successor list. The hosts past that list stay until the
// head has answered. The caller holds mu.
func (m *Member) relistHosts(next *snapshot) {
	m.setHosts(next, chord.Hosts(nil, m.self, m.host.listedHosts, next.Live(), chord.HostsPast(next.State, next.hosts)))
}

// learnHosts applies the hosts after the head that the head has named in an answer or in a message.
func (m *Member) learnHosts(head chord.Peer, beyond ...[]chord.Peer) {
	m.mu.Lock()
	old := m.now.Load()
	if old.phase != active || old.Head() != head || head.ID == m.self.ID {
		m.mu.Unlock()
		return
	}
	var room [16]chord.Peer
	parts := [3][]chord.Peer{{head}}
	hosts := chord.Hosts(room[:0], m.self, m.host.listedHosts, parts[:1+copy(parts[1:], beyond)]...)
	if slices.Equal(hosts, old.hosts) {
		m.mu.Unlock()
		return
	}
	next := *old
	m.setHosts(&next, slices.Clone(hosts))
	m.now.Store(&next)
	m.mu.Unlock()
	m.keys.HostsChanged()
	if m.hostNews.due.Load() {
		m.wake.Set()
	}
}

// passHostsOn sends the host list to the predecessor if that is due, in a task of its own: a predecessor that does not
// answer must not block the loop. There is one such task at a time, and it sends the latest list.
func (m *Member) passHostsOn() {
	n := &m.hostNews
	if !n.due.Load() || m.gone() || n.busy.Swap(true) {
		return
	}
	if m.env.Go(m.host.in.unsampled, func(context.Context) {
		for n.due.Swap(false) && !m.gone() {
			m.sendHosts()
		}
		n.busy.Store(false)
		m.wake.Set() // should something have changed right before
	}) != nil {
		n.busy.Store(false)
	}
}

func (m *Member) sendHosts() {
	s := m.now.Load()
	if s.phase != active || !s.Pred.Real() || s.Pred.ID == m.self.ID {
		return
	}
	ctx := m.host.in.unsampled
	a, err := env.Ring(m.env, s.Pred.Addr, m.host.cfg.CallLimit).Hint(ctx, &nodepb.HintRequest{
		Call: m.Call(s.Pred), Kind: nodepb.HintRequest_KIND_HOSTS, Hosts: wire.Peers(s.hosts),
	})
	_, _ = verifyAnswer(m, ctx, s.Pred, a, err) // one that misses it gets it when it stabilizes
}
