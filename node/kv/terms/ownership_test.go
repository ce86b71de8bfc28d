package terms_test

import (
	"testing"

	"pgregory.net/rapid"

	"chordconductor/node/kv/termstest"
)

// TestOwnershipArithmetic compares overlap and remainder with sets of points.
func TestOwnershipArithmetic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := termstest.DrawOwnership(t), termstest.DrawOwnership(t)
		inA, inB := termstest.Points(a), termstest.Points(b)
		common := false
		for n := range inA {
			common = common || inA[n] && inB[n]
		}
		if a.Overlaps(b) != common || b.Overlaps(a) != common {
			t.Fatalf("%v overlaps %v: %v, want %v", a, b, a.Overlaps(b), common)
		}
		left, some := a.Without(b)
		if some == inB[termstest.Number(a.Owner.ID)] {
			t.Fatalf("%v without %v leaves something: %v", a, b, some)
		}
		if some {
			inLeft := termstest.Points(left)
			for n := range inLeft {
				if inLeft[n] && (!inA[n] || inB[n]) {
					t.Fatalf("%v without %v is %v", a, b, left)
				}
			}
		}
		if a.Owner != b.Owner && a.Beats(b) == b.Beats(a) {
			t.Fatalf("%v and %v: no order", a, b)
		}
	})
}
