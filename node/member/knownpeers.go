package member

import (
	"sync"
	"time"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// maxKnownPeers bounds a member's known peers. A new peer replaces the one seen longest ago.
const maxKnownPeers = 256

// knownPeers are the peers that a member has received messages from: their latest incarnation and
// event number, and which of them it has lost. Two rings merge after a partition through lost
// peers, so a share of the entries is reserved for these.
type knownPeers struct {
	mu      sync.Mutex
	entries []entry          // at most maxKnownPeers; the order does not matter, but is deterministic
	at      map[chord.ID]int // guarded by mu; index in entries
	lost    int              // guarded by mu; entries with lost set
}

type entry struct {
	chordevent.PeerRef
	lastSeen time.Time
	tried    time.Time // when its host last did not answer a ping
	lost     bool
	died     time.Time     // when a lost peer was last found dead
	left     bool          // it left gracefully: it is neither reported as failed nor waited for
	probe    time.Time     // when a lost peer is due for the next ping
	gap      time.Duration // between two pings of a lost peer; it doubles up to maxProbeGap times the first gap
	rival    time.Time     // when the peer was last reported to an earlier incarnation at another address
}

// maxLost is the number of entries reserved for lost peers.
const maxLost = maxKnownPeers / 8

// maxProbeGap bounds the gap between pings of a lost peer, in multiples of the first gap, so that
// two rings find each other within half of the time in which a ring becomes ideal again (T),
// however long they were separated.
const maxProbeGap = 4

// rivalGap is the least time between two reports of the same rival.
const rivalGap = time.Second

// seen stores that a peer is alive. If a later incarnation with the same identifier is known at
// another address, and not found dead, seen returns it, at most once in rivalGap: two live members
// then have the same identifier.
func (b *knownPeers) seen(ref chordevent.PeerRef, now time.Time) (later chord.Peer, rival bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if i, ok := b.at[ref.ID]; ok {
		e := &b.entries[i]
		if ref.Incarnation < e.Incarnation {
			if rival = ref.Addr != e.Addr && !e.lost && !e.left && now.Sub(e.rival) >= rivalGap; rival {
				e.rival = now
			}
			return e.Peer, rival
		}
		if ref.Incarnation == e.Incarnation {
			ref.Seq = max(ref.Seq, e.Seq)
		}
		if e.lost {
			e.lost, b.lost = false, b.lost-1
		}
		e.PeerRef, e.lastSeen, e.left = ref, now, e.left && ref.Incarnation == e.Incarnation
		return chord.Peer{}, false
	}
	b.insert(entry{PeerRef: ref, lastSeen: now})
	return chord.Peer{}, false
}

// insert adds an entry and returns its index. If the list is full, the new entry replaces the one
// seen longest ago; if there are more lost peers than maxLost, it replaces one of these.
func (b *knownPeers) insert(e entry) int {
	if b.at == nil {
		b.at = make(map[chord.ID]int)
	}
	if len(b.entries) < maxKnownPeers {
		b.entries = append(b.entries, e)
		b.at[e.ID] = len(b.entries) - 1
		return len(b.entries) - 1
	}
	victim := -1
	for i := range b.entries {
		if old := &b.entries[i]; (old.left || old.lost == (b.lost > maxLost)) && (victim < 0 || old.lastSeen.Before(b.entries[victim].lastSeen)) {
			victim = i
		}
	}
	if b.entries[victim].lost {
		b.lost--
	}
	delete(b.at, b.entries[victim].ID)
	b.at[e.ID] = victim
	b.entries[victim] = e
	return victim
}

// lose stores that p has been found dead, and reports whether p was not known to be dead before.
// The peer is due for a ping after `first`, then at doubling gaps.
func (b *knownPeers) lose(p chord.Peer, now time.Time, first time.Duration) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	i, ok := b.at[p.ID]
	if !ok {
		i = b.insert(entry{PeerRef: chordevent.PeerRef{Peer: p}, lastSeen: now})
	}
	e := &b.entries[i]
	if e.Incarnation > p.Incarnation || e.left && e.Incarnation == p.Incarnation {
		return false // a later incarnation is known, or it has left
	}
	news := !e.lost || e.Incarnation < p.Incarnation
	if news {
		e.gap = first
	} else {
		e.gap = min(2*e.gap, maxProbeGap*first)
	}
	if !e.lost {
		e.lost = true
		b.lost++
	}
	if e.Incarnation < p.Incarnation {
		e.PeerRef, e.left = chordevent.PeerRef{Peer: p}, false
	}
	e.died, e.probe = now, now.Add(e.gap)
	return news
}

// lostSince reports whether p was found dead at t or later, and has not been seen since then.
func (b *knownPeers) lostSince(p chord.Peer, t time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	i, ok := b.at[p.ID]
	return ok && b.entries[i].Incarnation == p.Incarnation && b.entries[i].lost && !b.entries[i].died.Before(t)
}

// silent stores that a peer's host has not answered a ping. This counts for all members of that
// host, lost or not.
func (b *knownPeers) silent(p chord.Peer, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var next time.Time
	if i, ok := b.at[p.ID]; ok {
		next = b.entries[i].probe
	}
	for i := range b.entries {
		if e := &b.entries[i]; e.Addr == p.Addr {
			e.tried = now
			if e.lost && e.probe.Before(next) {
				e.probe = next
			}
		}
	}
}

// depart stores that a peer has left. The entry stays, so that an outdated report does not turn it
// into a lost peer.
func (b *knownPeers) depart(p chord.Peer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if i, ok := b.at[p.ID]; ok && b.entries[i].Incarnation == p.Incarnation {
		if b.entries[i].lost {
			b.entries[i].lost, b.lost = false, b.lost-1
		}
		b.entries[i].left = true
	}
}

// forget removes a peer that is certainly gone: a later incarnation has its place, or no member
// has.
func (b *knownPeers) forget(p chord.Peer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	i, ok := b.at[p.ID]
	if !ok || b.entries[i].Incarnation != p.Incarnation {
		return
	}
	if b.entries[i].lost {
		b.lost--
	}
	last := len(b.entries) - 1
	b.at[b.entries[last].ID] = i
	b.entries[i] = b.entries[last]
	b.entries = b.entries[:last]
	delete(b.at, p.ID)
}

// seq returns the last known event number of a peer's incarnation.
func (b *knownPeers) seq(p chord.Peer) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	if i, ok := b.at[p.ID]; ok && b.entries[i].Incarnation == p.Incarnation {
		return b.entries[i].Seq
	}
	return 0
}

// seenSince reports whether a peer was seen after t and is neither lost nor left.
func (b *knownPeers) seenSince(p chord.Peer, t time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	i, ok := b.at[p.ID]
	return ok && b.entries[i].Incarnation == p.Incarnation && !b.entries[i].lost && !b.entries[i].left && b.entries[i].lastSeen.After(t)
}

// alive lists the peers that are not lost.
func (b *knownPeers) alive() []chord.Peer {
	b.mu.Lock()
	defer b.mu.Unlock()
	peers := make([]chord.Peer, 0, len(b.entries)-b.lost)
	for i := range b.entries {
		if !b.entries[i].lost && !b.entries[i].left {
			peers = append(peers, b.entries[i].Peer)
		}
	}
	return peers
}

// addresses lists the hosts of the peers that have not left: those that are alive, and those that are lost.
func (b *knownPeers) addresses() (alive, lost []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.entries {
		switch e := &b.entries[i]; {
		case e.left:
		case e.lost:
			lost = append(lost, e.Addr)
		default:
			alive = append(alive, e.Addr)
		}
	}
	return alive, lost
}

// dueProbe returns the lost peer that is due for a ping and has waited longest, if there is one.
func (b *knownPeers) dueProbe(now time.Time) (chord.Peer, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	due := -1
	for i := range b.entries {
		e := &b.entries[i]
		if e.lost && !e.probe.After(now) && (due < 0 || e.probe.Before(b.entries[due].probe)) {
			due = i
		}
	}
	if due < 0 {
		return chord.Peer{}, false
	}
	return b.entries[due].Peer, true
}

// stalest returns the peer, not a lost one, that was seen longest ago, if that was at least
// `silence` ago. If the peer's host has not answered a ping since, the time counts from that ping.
func (b *knownPeers) stalest(now time.Time, silence time.Duration) (chord.Peer, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	oldest, since := -1, now.Add(-silence)
	for i := range b.entries {
		e := &b.entries[i]
		last := e.lastSeen
		if e.tried.After(last) {
			last = e.tried
		}
		if !e.lost && !e.left && !last.After(since) && (oldest < 0 || last.Before(since)) {
			oldest, since = i, last
		}
	}
	if oldest < 0 {
		return chord.Peer{}, false
	}
	return b.entries[oldest].Peer, true
}
