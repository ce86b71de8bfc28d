package member

import (
	"testing"

	"pgregory.net/rapid"
)

// TestPassedLookups: each of the latest lookups is passed on once, whatever the order of its copies, and no more than
// maxPassed are stored.
func TestPassedLookups(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p passed
		var order []passedLookup // latest last
		find := func(l passedLookup) bool {
			for _, old := range order[max(0, len(order)-maxPassed):] {
				if old == l {
					return true
				}
			}
			return false
		}
		for range rapid.IntRange(0, 3).Draw(t, "rounds") {
			for i := range rapid.IntRange(0, maxPassed+10).Draw(t, "other lookups") {
				l := passedLookup{uint64(len(order)*10_000 + i + 1000), false}
				if !p.first(l.id, l.final) {
					t.Fatalf("%v is new", l)
				}
				order = append(order, l)
			}
			for range rapid.IntRange(0, 20).Draw(t, "copies") {
				l := passedLookup{rapid.Uint64Range(1, 5).Draw(t, "id"), rapid.Bool().Draw(t, "final")}
				if was := find(l); p.first(l.id, l.final) == was {
					t.Fatalf("%v: passed on before: %v", l, was)
				} else if !was {
					order = append(order, l)
				}
			}
		}
		if len(p.known) > maxPassed || len(p.latest) > maxPassed {
			t.Fatalf("%d and %d stored", len(p.known), len(p.latest))
		}
	})
}
