package member

import (
	"fmt"
	"testing"
	"time"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// A host counts as silent until it sends a message; if too many are silent, the list keeps the latest.
func TestSilences(t *testing.T) {
	var s silences
	begin := time.Unix(1000, 0)
	at := func(n int) time.Time { return begin.Add(time.Duration(n) * time.Second) }
	name := func(n int) string { return fmt.Sprint("h", n) }
	for n := range maxSilences + 1 {
		s.note(name(n), at(n))
	}
	if s.after(name(0), begin) {
		t.Error("the oldest silence was not dropped")
	}
	for n := 1; n <= maxSilences; n++ {
		if !s.after(name(n), at(n)) || s.after(name(n), at(n+1)) {
			t.Fatalf("host %d is not silent since %v", n, at(n))
		}
	}
	s.clear(name(2))
	s.note(name(3), at(1000))
	if s.after(name(2), begin) || !s.after(name(3), at(1000)) || len(s.held()) != maxSilences-1 {
		t.Errorf("after a message, and a later silence: %v", s.held())
	}
}

// lostSince holds for a peer until it is seen again, and never for a later incarnation of it.
func TestLostSince(t *testing.T) {
	var b knownPeers
	begin := time.Unix(1000, 0)
	p := chord.Peer{ID: chord.ID{1}, Addr: "h1", Incarnation: 5}
	later := p
	later.Incarnation++
	check := func(what string, q chord.Peer, since time.Time, want bool) {
		t.Helper()
		if got := b.lostSince(q, since); got != want {
			t.Errorf("%s: %v", what, got)
		}
	}
	check("not known", p, begin, false)
	b.lose(p, begin.Add(time.Second), time.Second)
	check("found dead", p, begin, true)
	check("found dead before", p, begin.Add(2*time.Second), false)
	check("its later incarnation", later, begin, false)
	b.lose(p, begin.Add(3*time.Second), time.Second)
	check("found dead once more", p, begin.Add(2*time.Second), true)
	b.seen(chordevent.PeerRef{Peer: p}, begin.Add(4*time.Second))
	check("seen again", p, begin, false)
}
