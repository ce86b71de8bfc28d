package terms_test

import (
	"testing"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/kv/terms"
)

// TestLapsed: a member is listed until its time, the latest one given; the list is bounded, and drops the oldest.
func TestLapsed(t *testing.T) {
	var l terms.Lapsed
	now := time.Unix(1000, 0)
	peer := func(n int64) chord.Peer { return chord.Peer{Addr: "a", Incarnation: n} }
	l.Add(peer(1), now.Add(time.Second))
	l.Add(peer(1), now.Add(3*time.Second))
	if !l.Has(peer(1), now.Add(2*time.Second)) || l.Has(peer(1), now.Add(3*time.Second)) || l.Has(peer(2), now) {
		t.Error("it is not listed until the later time, or another is")
	}
	if !l.Remove(peer(1)) || l.Remove(peer(1)) || l.Has(peer(1), now) {
		t.Error("it is still listed, or not removed once")
	}
	for n := range int64(300) {
		l.Add(peer(n), now.Add(time.Hour))
	}
	if len(l) > 256 || l.Has(peer(0), now) || !l.Has(peer(299), now) {
		t.Errorf("%d entries", len(l))
	}
}
