package kv

import (
	"testing"

	"pgregory.net/rapid"

	"chordconductor/node/chord"
	"chordconductor/node/kv/terms"
)

// TestDeadOwnersRangeIsNotTakenFromTheLiving: a member that takes over the presumed range of a dead owner excludes the
// parts that others have received since, even if the ring does not lead to them yet. It took over all of it, and the
// range had two owners until one of them received the other's ownership.
func TestDeadOwnersRangeIsNotTakenFromTheLiving(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s, w := wideSpace(), newFakeWorld()
		at := func(n int) chord.ID { return s.FromUint64(uint64(n)) }
		peer := func(n int, addr string) chord.Peer { return chord.Peer{ID: at(n), Addr: addr, Incarnation: 1} }
		cfg := Config{Space: s, Replicas: 2}
		k, m := w.add(t, terms.Ownership{Owner: peer(100, "a"), From: at(50), Epoch: 1}, cfg)
		m.keeper = k
		k.own.Table.Learn(terms.Ownership{Owner: peer(50, "dead"), From: at(10), Epoch: 3}, w.now)
		nearest := 10
		for i, end := range rapid.SliceOfNDistinct(rapid.IntRange(11, 49), 0, 4, rapid.ID).Draw(rt, "others") {
			other, _ := w.add(t, terms.Ownership{Owner: peer(end, string(rune('b'+i))), From: at(end - 1), Epoch: 4}, cfg)
			m.known, nearest = append(m.known, other.self), max(nearest, end)
		}
		for range 3 { // it surveys the ownerships, and takes over the rest
			if _, err := k.lookBelow(t.Context(), k.reg.Load()); err != nil {
				rt.Fatal(err)
			}
			if own := k.reg.Load(); own.From != at(50) && own.From != at(nearest) {
				rt.Fatalf("it owns from %s, the nearest other ends at %d", s.Format(own.From), nearest)
			}
		}
		if own := k.reg.Load(); own.From != at(nearest) {
			rt.Errorf("it owns from %s, the nearest other ends at %d", s.Format(own.From), nearest)
		}
	})
}
