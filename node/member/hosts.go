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

// A member updates its host list (see chord.Hosts) whenever its head answers. Between these answers
// changes propagate backwards along the ring: a member whose list has changed sends it to its
// predecessor, which takes one call for each member whose replicas change. A lost message delays
// the change by one stabilize interval.

// hostNews is whether the host list must be sent to the predecessor.
type hostNews struct {
	due  atomic.Bool // the predecessor does not have the latest list
	busy atomic.Bool // a task is sending it
}

// Hosts lists the first distinct hosts after the member, as far as it knows (see chord.Hosts). The
// caller must not change the list.
func (m *Member) Hosts() []chord.Peer { return m.now.Load().hosts }

// HostOwns reports whether any member of this member's host owns a range.
func (m *Member) HostOwns() bool {
	return slices.ContainsFunc(m.host.Members(), func(other *Member) bool { return other.keys.Ownership().Owns })
}

// setHosts puts a host list into the next snapshot. It marks the list as due for the predecessor if
// the replicas in it have changed: only these matter for the replicas of the members before it. The
// caller holds mu.
func (m *Member) setHosts(next *snapshot, hosts []chord.Peer) {
	replicas := func(list []chord.Peer) []chord.Peer { return list[:min(len(list), m.host.cfg.Replicas-1)] }
	if !slices.Equal(replicas(next.hosts), replicas(hosts)) {
		m.hostNews.due.Store(true)
	}
	next.hosts = hosts
	next.past = wire.Peers(chord.HostsPast(next.State, hosts))
}

// relistHosts computes the host list again after a change of the successor list. The hosts beyond
// that list stay until the head has answered. The caller holds mu.
func (m *Member) relistHosts(next *snapshot) {
	m.setHosts(next, chord.Hosts(nil, m.self, m.host.listedHosts, next.Live(), chord.HostsPast(next.State, next.hosts)))
}

// learnHosts applies the hosts after the head, as the head has listed them in an answer or a
// message.
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

// passHostsOn sends the host list to the predecessor if that is due, in a task of its own: a
// predecessor that does not answer must not block the loop. There is one such task at a time, and
// it sends the latest list.
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
		m.wake.Set() // in case something has changed just before
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
	_, _ = verifyAnswer(m, ctx, s.Pred, a, err) // a predecessor that misses the list receives it when it stabilizes
}
