package modelcheck

import (
	"flag"
	"testing"
	"time"
)

var full = flag.Bool("modelcheck.full", false, "explore the larger models too: some minutes")

// Sizes of models. Nothing here runs in parallel, so the race detector has nothing to find and only makes it slow: with
// it only small models are explored.
type size int

const (
	small  size = iota // always
	normal             // without the race detector
	large              // with -modelcheck.full
)

func (s size) wanted() bool { return s == small || s == normal && !raceDetector || *full }

// sound explores a model and requires that nothing is ever broken, and that every order of quiet steps ends in an ideal
// ring.
func sound(t *testing.T, m *model, initial []ring) {
	t.Helper()
	start := time.Now()
	x, wrong := m.explore(initial)
	if wrong != "" {
		t.Fatal(wrong)
	}
	if wrong := x.unsettled(); wrong != "" {
		t.Fatal(wrong)
	}
	t.Logf("n = %d, r = %d: %d states (%d with rotations), %d steps, %d of them quiet, in %v",
		m.n, m.r, len(x.keys), x.orbits, x.steps, len(x.edges), time.Since(start).Round(time.Millisecond))
}

// settled are the ideal rings of more than r members.
func settled(m *model) []ring {
	return m.ideals(func(p places) bool { return p.count() > m.r })
}

// TestEstablishedRings starts from every ideal ring and requires the invariant in every state.
func TestEstablishedRings(t *testing.T) {
	crashes := func(m *model) { m.join, m.fail = true, true }
	leaves := func(m *model) { crashes(m); m.leave = true }
	merges := func(m *model) { crashes(m); m.merge = true }
	all := func(m *model) { leaves(m); m.merge, m.late = true, true }
	fromSettled(t, []settledCase{
		{"joins and failures", small, 4, 2, 0, crashes},
		{"joins and failures", normal, 5, 2, 0, crashes},
		{"joins and failures", normal, 6, 3, 0, crashes},
		{"joins and failures", normal, 6, 2, 4, crashes},
		{"joins and failures", large, 6, 2, 6, crashes},
		{"joins and failures", large, 7, 2, 4, crashes},
		{"leaves", normal, 5, 2, 0, leaves},
		{"leaves", normal, 6, 2, 4, leaves},
		{"leaves", large, 6, 3, 6, leaves},
		{"merges", normal, 5, 2, 0, merges},
		{"merges", normal, 6, 2, 4, merges},
		{"all", small, 4, 2, 3, all},
		{"all", normal, 4, 2, 0, all},
		{"all", normal, 5, 2, 4, all},
		{"all", large, 5, 2, 5, all},
		{"all", large, 6, 3, 3, all},
	})
}

// A settledCase explores all that can happen to a settled ring of n members with lists of r entries, in the model that
// set configures; limit bounds the number of events (0: no bound).
type settledCase struct {
	name        string
	size        size
	n, r, limit int
	set         func(*model)
}

func fromSettled(t *testing.T, cases []settledCase) {
	t.Helper()
	for _, c := range cases {
		if !c.size.wanted() {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			m := newModel(c.n, c.r, func(m *model) { c.set(m); m.limit = c.limit })
			sound(t, m, settled(m))
		})
	}
}

// TestRememberedCandidates queries a candidate some time after it was named.
func TestRememberedCandidates(t *testing.T) {
	crashes := func(m *model) { m.join, m.fail, m.remember = true, true, true }
	leaves := func(m *model) { crashes(m); m.leave = true }
	late := func(m *model) { crashes(m); m.late = true }
	fromSettled(t, []settledCase{
		{"joins and failures", small, 4, 2, 0, crashes},
		{"joins and failures", normal, 5, 2, 0, crashes},
		{"joins and failures", large, 6, 3, 5, crashes},
		{"leaves", small, 4, 2, 0, leaves},
		{"leaves", normal, 5, 2, 4, leaves},
		{"leaves", large, 5, 2, 0, leaves},
		{"old notifies", normal, 5, 2, 4, late},
	})
}

// TestQueriesInSteps separates the query from applying the answer.
func TestQueriesInSteps(t *testing.T) {
	crashes := func(m *model) { m.join, m.fail, m.split = true, true, true }
	leaves := func(m *model) { crashes(m); m.leave = true }
	all := func(m *model) { leaves(m); m.merge, m.late = true, true }
	fromSettled(t, []settledCase{
		{"joins and failures", small, 4, 2, 0, crashes},
		{"joins and failures", normal, 5, 2, 4, crashes},
		{"joins and failures", large, 5, 2, 6, crashes},
		{"without BUSY", small, 4, 2, 0, func(m *model) { crashes(m); m.neverBusy = true }},
		{"without BUSY", large, 5, 2, 5, func(m *model) { crashes(m); m.neverBusy = true }},
		{"leaves", normal, 4, 2, 0, leaves},
		{"leaves", large, 5, 2, 4, leaves},
		{"all", normal, 4, 2, 3, all},
		{"all", large, 4, 2, 5, all},
		{"all", large, 5, 2, 3, all},
	})
}

// TestFormingRings starts from one member: joins alone end in an ideal ring, whatever their order.
func TestFormingRings(t *testing.T) {
	for _, c := range []struct {
		name string
		size size
		n, r int
		set  func(*model)
	}{
		{"in steps of queries", small, 3, 2, func(m *model) { m.split = true }},
		{"whole", small, 4, 2, func(*model) {}},
		{"whole", normal, 5, 2, func(*model) {}},
		{"whole", normal, 5, 3, func(*model) {}},
		{"never more than r", small, 3, 3, func(*model) {}},
		{"merging", normal, 4, 2, func(m *model) { m.merge = true }},
		{"in steps of queries", normal, 4, 2, func(m *model) { m.split = true }},
		{"in steps of queries", large, 5, 2, func(m *model) { m.split = true }},
		{"merging in steps of queries", normal, 4, 2, func(m *model) { m.split, m.merge = true, true }},
		{"whole", large, 6, 2, func(*model) {}},
	} {
		if !c.size.wanted() {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			m := newModel(c.n, c.r, func(m *model) {
				m.join = true
				m.broken = func(*ring) string { return "" }
				c.set(m)
			})
			var one ring
			one.cells[0] = m.first() | alive
			sound(t, m, []ring{one})
		})
	}
}

// TestMerge starts from two separate rings: once members of both have met, they end as one.
func TestMerge(t *testing.T) {
	for _, c := range []struct {
		size size
		n, r int
	}{{small, 4, 2}, {normal, 5, 2}, {normal, 6, 2}, {large, 6, 3}} {
		if !c.size.wanted() {
			continue
		}
		m := newModel(c.n, c.r, func(m *model) {
			m.merge = true
			m.broken = func(*ring) string { return "" }
		})
		var initial []ring
		everywhere := places(1)<<m.n - 1
		for _, a := range m.ideals(func(p places) bool { return p != everywhere }) {
			b := m.ideals(func(p places) bool { return p == everywhere&^a.live(m.n) })[0]
			for i, cell := range b.cells[:m.n] {
				a.cells[i] |= cell
			}
			initial = append(initial, a)
		}
		sound(t, m, initial)
	}
}
