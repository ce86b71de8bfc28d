package member

import (
	"math/rand/v2"
	"testing"
	"time"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// knownAt is a peer of the table tests: its identifier is made of n.
func knownAt(n int, addr string) chord.Peer {
	return chord.Peer{ID: chord.ID{byte(n >> 8), byte(n)}, Addr: addr, Incarnation: 1}
}

// When all places are taken, the peer seen longest ago gives its place up: a lost one if those have more than their share,
// else a live one, in whatever order they came.
func TestThePeerSeenLongestAgoIsReplaced(t *testing.T) {
	begin := time.Unix(1000, 0)
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 0))
		ages := r.Perm(maxKnownPeers) // of each peer; the first seed has the one seen longest ago in the first place
		if seed == 0 {
			for i := range ages {
				ages[i] = i
			}
		}
		var b knownPeers
		lost := int(seed) % 4 * maxLost / 2 // up to more than their share
		want, wantLost := -1, lost > maxLost
		for i, age := range ages {
			seen := begin.Add(time.Duration(age) * time.Second)
			b.seen(chordevent.PeerRef{Peer: knownAt(i, "h")}, seen)
			if i < lost {
				b.lose(knownAt(i, "h"), begin.Add(time.Hour), time.Second)
			}
			if (i < lost) == wantLost && (want < 0 || age < ages[want]) {
				want = i
			}
		}
		b.seen(chordevent.PeerRef{Peer: knownAt(maxKnownPeers, "h")}, begin.Add(time.Hour))
		for i := range maxKnownPeers + 1 {
			if _, known := b.at[knownAt(i, "h").ID]; known == (i == want) {
				t.Errorf("seed %d, %d lost: peer %d is known: %t; %d gives its place up", seed, lost, i, known, want)
			}
		}
		if wantLost {
			lost--
		}
		if b.lost != lost {
			t.Errorf("seed %d: %d are counted as lost, want %d", seed, b.lost, lost)
		}
	}
}

// A lost peer is due for a ping after the first gap, then at doubled gaps up to the bound. That it is lost is news once for
// each incarnation, and never of one that has left or has a later incarnation.
func TestPingsOfALostPeer(t *testing.T) {
	var b knownPeers
	now := time.Unix(1000, 0)
	p := knownAt(1, "h1")
	lose := func(q chord.Peer, news bool, gap time.Duration) {
		t.Helper()
		if got := b.lose(q, now, time.Second); got != news {
			t.Errorf("news: %t, want %t", got, news)
		}
		if _, due := b.dueProbe(now.Add(gap - 1)); due {
			t.Errorf("due before %v", gap)
		}
		if got, due := b.dueProbe(now.Add(gap)); !due || got != q {
			t.Errorf("after %v %v is due (%t), want %v", gap, got, due, q)
		}
		now = now.Add(gap)
	}
	lose(p, true, time.Second)
	lose(p, false, 2*time.Second)
	lose(p, false, maxProbeGap*time.Second)
	lose(p, false, maxProbeGap*time.Second)
	later := p
	later.Incarnation++
	lose(later, true, time.Second)
	if b.lose(p, now, time.Second) {
		t.Error("an earlier incarnation was lost")
	}
	b.depart(later)
	if _, due := b.dueProbe(now.Add(time.Hour)); due || b.lose(later, now, time.Second) {
		t.Error("a peer that has left is lost")
	}
}

// A host that does not answer the ping for one of its lost members is not pinged for the others before that one is due.
func TestASilentHostIsPingedOnce(t *testing.T) {
	var b knownPeers
	now := time.Unix(1000, 0)
	one, other, elsewhere := knownAt(1, "h1"), knownAt(2, "h1"), knownAt(3, "h2")
	b.lose(other, now, time.Second)
	b.lose(elsewhere, now, time.Second)
	b.lose(one, now, 4*time.Second)
	b.silent(one, now)
	for _, test := range []struct {
		after time.Duration
		want  chord.Peer
	}{{time.Second, elsewhere}, {4*time.Second - 1, elsewhere}, {4 * time.Second, elsewhere}} {
		if got, due := b.dueProbe(now.Add(test.after)); !due || got != test.want {
			t.Errorf("after %v %v is due (%t), want %v", test.after, got, due, test.want)
		}
	}
	b.forget(elsewhere)
	if got, due := b.dueProbe(now.Add(4*time.Second - 1)); due {
		t.Errorf("%v is due though its host was silent", got)
	}
	if _, due := b.dueProbe(now.Add(4 * time.Second)); !due {
		t.Error("no member of the silent host is due")
	}
}

// The oldest suspicion alone gives way to a new one, and each ends at its own time.
func TestSuspicions(t *testing.T) {
	var s suspicionList
	begin := time.Unix(1000, 0)
	for n := range maxSuspicions + 1 {
		s.add(knownAt(n, "h"), begin.Add(time.Duration(n+1)*time.Second))
	}
	now := begin
	dead := s.dead(func() time.Time { return now })
	for n := range maxSuspicions + 1 {
		if got := dead(knownAt(n, "h")); got == (n == 0) {
			t.Errorf("peer %d is suspected: %t", n, got)
		}
	}
	now = begin.Add(2 * time.Second)
	dead = s.dead(func() time.Time { return now })
	if dead(knownAt(1, "h")) || !dead(knownAt(2, "h")) {
		t.Error("a suspicion does not end at its time")
	}
	s.clear(knownAt(2, "h"))
	if s.dead(func() time.Time { return now })(knownAt(2, "h")) {
		t.Error("a peer that has sent a message is suspected")
	}
}
