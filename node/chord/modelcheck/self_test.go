package modelcheck

import (
	"testing"

	"pgregory.net/rapid"

	"chordconductor/node/chord"
)

// The checker itself is checked here: its packed facts, its symmetry, its packing.

func everything(m *model) {
	m.join, m.fail, m.leave, m.merge, m.late = true, true, true, true, true
}

// TestFactsAgree compares the packed facts with package chord, in every state of some models, sound and unsound.
func TestFactsAgree(t *testing.T) {
	for _, c := range []struct {
		size size
		n, r int
		set  func(*model)
	}{
		{normal, 4, 2, everything},
		{small, 4, 2, func(m *model) { everything(m); m.limit = 2 }},
		{normal, 4, 2, func(m *model) { everything(m); m.split = true; m.limit = 3 }},
		{normal, 5, 3, func(m *model) { m.join, m.fail, m.limit = true, true, 4 }},
		{normal, 4, 2, func(m *model) { m.join, m.fail, m.failsFreely = true, true, true }},
		{small, 4, 3, func(m *model) { m.join = true }},
	} {
		if !c.size.wanted() {
			continue
		}
		m := newModel(c.n, c.r, func(m *model) {
			c.set(m)
			m.broken = func(*ring) string { return "" }
		})
		x, _ := m.explore(m.ideals(func(p places) bool { return p.count() > 1 }))
		sound := 0
		for _, k := range x.keys {
			g := m.unpack(k)
			global := chord.Observe(m.states(&g, &m.circle))
			invariant := global.Invariant(m.r)
			if (m.invariant(&g) == "") != (invariant == nil) {
				t.Fatalf("%s: here %q, in package chord %v", g.write(m.n, m.r), m.invariant(&g), invariant)
			}
			_, distance := global.RingError(m.circle.space)
			if ideal := m.ideal(&g); ideal != global.Ideal(m.circle.space) || ideal != (distance == 0) {
				t.Fatalf("%s: ideal here %v, in package chord %v, ring error %d", g.write(m.n, m.r), ideal, !ideal, distance)
			}
			if breaches := global.Breaches(m.r); invariant == nil && breaches != nil {
				t.Fatalf("%s: the invariant holds, but %v", g.write(m.n, m.r), breaches)
			}
			if invariant == nil {
				sound++
			}
			for _, s := range global.States {
				if b := chord.ListBreaches(s); b != nil {
					t.Fatalf("%s: %v", g.write(m.n, m.r), b)
				}
			}
		}
		t.Logf("n = %d, r = %d: the invariant holds in %d of %d states", m.n, m.r, sound, len(x.keys))
	}
}

// TestRotationsChangeNothing visits every rotation, and finds as many states as the orbits of a reduced run have.
func TestRotationsChangeNothing(t *testing.T) {
	for _, set := range []func(*model){
		func(m *model) { everything(m); m.limit = 3 },
		func(m *model) { m.join, m.fail, m.split, m.limit = true, true, true, 4 },
		func(m *model) { m.join, m.fail, m.leave, m.remember, m.limit = true, true, true, true, 4 },
	} {
		reduced := newModel(4, 2, set)
		whole := newModel(4, 2, func(m *model) { set(m); m.rotations = true })
		x, _ := reduced.explore(settled(reduced))
		y, wrong := whole.explore(settled(whole))
		if wrong != "" {
			t.Fatal(wrong)
		}
		if uint64(len(y.keys)) != x.orbits {
			t.Errorf("%d states, but the orbits of %d hold %d", len(y.keys), len(x.keys), x.orbits)
		}
	}
}

func TestPackingIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		split := rapid.Bool().Draw(t, "split")
		r := rapid.IntRange(1, 3).Draw(t, "r")
		n := rapid.IntRange(2, maxPlaces).Draw(t, "n")
		if split {
			n = min(n, 5-r/3)
		}
		l := newLayout(n, r, false, split)
		g := ring{spent: rapid.Uint8Range(0, 15).Draw(t, "spent")}
		for i := range n {
			c := cell(rapid.Uint64Range(0, 1<<l.pointers-1).Draw(t, "pointers"))
			c |= cell(rapid.Uint64Range(0, 3).Draw(t, "status")) << 28
			if split {
				c = c.with(pending(rapid.Uint64Range(0, 1<<l.pending-1).Draw(t, "pending")))
			}
			g.cells[i] = c
		}
		if back := l.unpack(l.pack(&g)); back != g {
			t.Fatalf("packed %v, unpacked %v", g, back)
		}
	})
}
