package chord_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"chordconductor/node/chord"
)

func TestIdealRing(t *testing.T) {
	s := space(t, 6)
	for n := 1; n <= len(paperRing); n++ {
		for r := 1; r <= 4; r++ {
			ring := idealRing(s, r, paperRing[:n]...)
			slices.Reverse(ring) // any order
			g := chord.Observe(ring)
			if _, total := g.RingError(s); !g.Ideal(s) || total != 0 {
				t.Errorf("%d members, r = %d: ideal %v, ring error %d", n, r, g.Ideal(s), total)
			}
			if err := g.Invariant(r); (err == nil) != (n > r) {
				t.Errorf("%d members, r = %d: %v", n, r, err)
			}
		}
	}
}

// drawGlobal is some members of a small circle. Each names members and dead ones ahead of it in order, and mostly the
// nearest, so that some of the drawn rings satisfy the invariant and some break it.
func drawGlobal(t *rapid.T, s chord.Space, r int) *chord.Global {
	ids := rapid.SliceOfNDistinct(rapid.Uint64Range(0, 15), 1, 8, rapid.ID).Draw(t, "members")
	states := make([]chord.State, len(ids))
	for i, id := range ids {
		var succ []chord.Peer
		var pred chord.Peer
		for step := uint64(1); step < 16; step++ {
			at := (id + step) % 16
			odd := rapid.IntRange(0, 15).Draw(t, "odd") == 15 // then a member is skipped, or a dead one named
			if slices.Contains(ids, at) != odd {
				succ = append(succ, incarnation(s, at, rapid.SampledFrom([]int64{1, 1, 1, 0}).Draw(t, "incarnation")))
				pred = peer(s, at)
			}
		}
		states[i] = chord.Join(s, peer(s, id), r, chord.Neighbors{Peer: peer(s, id), Succ: succ})
		states[i].Pred = pred
	}
	return chord.Observe(states)
}

func TestPrincipalsAndRingMembersByDefinition(t *testing.T) {
	s := space(t, 4)
	rapid.Check(t, func(t *rapid.T) {
		g := drawGlobal(t, s, rapid.IntRange(1, 4).Draw(t, "r"))
		principals, onRing := g.Principals(), g.RingMembers()
		for i, m := range g.States {
			skipped := false
			for _, o := range g.States {
				last := o.Self
				for _, p := range o.Succ {
					earlier := last.ID == m.Self.ID && last.Incarnation < m.Self.Incarnation // so it is skipped, too
					skipped = skipped || p.Real() && (earlier || chord.Between(last.ID, m.Self.ID, p.ID))
					last = p
				}
			}
			if principals[i] == skipped {
				t.Fatalf("member %x: principal %v", m.Self.ID, principals[i])
			}
			reaches := false
			at := g.BestSucc(i)
			for range g.States {
				if reaches = reaches || at == i; at >= 0 {
					at = g.BestSucc(at)
				}
			}
			if onRing[i] != reaches {
				t.Fatalf("member %x: on the ring %v", m.Self.ID, onRing[i])
			}
		}
	})
}

// Zave, section 5: the two conditions of the invariant imply all others, given lists in order. And the ring error is 0
// exactly when the ring is ideal.
func TestInvariantImpliesTheRest(t *testing.T) {
	s := space(t, 4)
	held := 0
	rapid.Check(t, func(t *rapid.T) {
		r := rapid.IntRange(1, 3).Draw(t, "r")
		g := drawGlobal(t, s, r)
		if _, total := g.RingError(s); (total == 0) != g.Ideal(s) {
			t.Fatalf("ring error %d, ideal %v", total, g.Ideal(s))
		}
		if g.Invariant(r) != nil {
			return
		}
		held++
		if b := g.Breaches(r); b != nil {
			t.Fatalf("the invariant holds for r = %d, but %v", r, b)
		}
	})
	if held == 0 {
		t.Error("no drawn ring kept the invariant: the test shows nothing")
	}
}

// Ordered is what ListBreaches reports, without a report, and that placeholders come last.
func TestOrderedIsWithoutListBreaches(t *testing.T) {
	s := space(t, 4)
	seen := map[bool]int{}
	rapid.Check(t, func(t *rapid.T) {
		m := chord.State{Self: peer(s, 3)}
		for range rapid.IntRange(0, 4).Draw(t, "entries") {
			p := peer(s, rapid.Uint64Range(0, 15).Draw(t, "entry"))
			if rapid.IntRange(0, 7).Draw(t, "placeholder") == 0 {
				p = chord.Peer{ID: p.ID}
			}
			m.Succ = append(m.Succ, p)
		}
		last := slices.IndexFunc(m.Succ, func(p chord.Peer) bool { return !p.Real() })
		want := chord.ListBreaches(m) == nil && (last < 0 || !slices.ContainsFunc(m.Succ[last:], chord.Peer.Real))
		if got := m.Ordered(); got != want {
			t.Fatalf("%v: ordered %v", m.Succ, got)
		}
		seen[want]++
	})
	if seen[true] == 0 || seen[false] == 0 {
		t.Errorf("%v: the generator misses a kind", seen)
	}
}
