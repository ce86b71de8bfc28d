package kv

import (
	"fmt"
	"math/bits"
	"testing"

	"pgregory.net/rapid"

	"chordconductor/node/chord"
	"chordconductor/node/kv/ownership"
	"chordconductor/node/kv/terms"
)

// TestRowOfDeadOwnersIsAskedTogether: dead owners of adjacent ranges below a member's, each on a host of its own, are
// detected in a number of rounds that grows with the logarithm of their number: each round costs a time limit. A live
// one ends the row, and few others are asked.
func TestRowOfDeadOwnersIsAskedTogether(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s, w := wideSpace(), newFakeWorld()
		cfg := Config{Space: s, Replicas: 1}
		peer := func(n int, addr string) chord.Peer {
			return chord.Peer{ID: s.FromUint64(uint64(n)), Addr: addr, Incarnation: 1}
		}
		k, m := w.add(t, terms.Ownership{Owner: peer(1000, "a"), From: s.FromUint64(900), Epoch: 1}, cfg)
		m.keeper, m.lost = k, false
		alive, _ := w.add(t, terms.Ownership{Owner: peer(1, "alive"), From: s.FromUint64(1000), Epoch: 1}, cfg)
		m.state.Succ = []chord.Peer{alive.self}
		n := rapid.IntRange(1, ownership.MaxBelow).Draw(rt, "dead")
		for i := range n {
			from := 890 - 10*i
			if i == n-1 {
				from = 1
			}
			k.own.Table.Learn(terms.Ownership{Owner: peer(900-10*i, fmt.Sprint("dead", i)), From: s.FromUint64(uint64(from)), Epoch: 1}, w.now)
		}
		k.own.Table.Learn(terms.Ownership{Owner: alive.self, From: s.FromUint64(1000), Epoch: 1}, w.now)
		waits := 0
		for range 3*n + 3 {
			before := len(m.failed)
			if _, err := k.lookBelow(t.Context(), k.reg.Load()); err != nil {
				rt.Fatal(err)
			}
			if len(m.failed) > before {
				waits++
			}
		}
		if own := k.reg.Load(); own.From != alive.self.ID {
			rt.Fatalf("of %d dead owners' ranges it owns down to %s", n, s.Format(own.From))
		}
		if most := bits.Len(uint(n)) + 1; waits > most {
			rt.Errorf("it waited %d times for %d dead owners, want %d at most", waits, n, most)
		}
	})
}
