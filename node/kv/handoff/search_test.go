package handoff

import (
	"testing"

	"pgregory.net/rapid"

	"chordconductor/node/chord"
	"chordconductor/node/kv/termstest"
)

// TestSearch: on a ring of any size, with lists of any length, a leaver finds the first member after it that stays, owns
// a range and answers; it asks no member twice, nor itself; and only without any it finds none.
func TestSearch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, successors := rapid.IntRange(1, 12).Draw(t, "members"), rapid.IntRange(1, 5).Draw(t, "successors")
		state := make([]string, n)
		for i := range state {
			state[i] = rapid.SampledFrom([]string{"stays", "leaves", "leaves", "joins"}).Draw(t, "state")
		}
		at := func(i int) chord.Peer { return termstest.Peer(uint64(5*(i%n) + 1)) }
		after := func(i int) (list []chord.Peer) {
			for j := 1; j <= min(successors, n-1); j++ {
				list = append(list, at(i+j))
			}
			return list
		}
		want := -1
		for i := n - 1; i > 0; i-- {
			if state[i] == "stays" {
				want = i
			}
		}
		asked, unready := map[chord.Peer]bool{}, false
		s := NewSearch(at(0).ID, after(0))
		for len(s.Ask()) > 0 {
			answers := make([]Candidate, len(s.Ask()))
			for j, p := range s.Ask() {
				i := (termstest.Number(p.ID) - 1) / 5
				if i == 0 || asked[p] {
					t.Fatalf("%d is asked, or twice", i)
				}
				asked[p] = true
				own := termstest.Ownership(0, uint64(5*i+1), 1)
				answers[j] = Candidate{Own: &own, Successors: after(i), Leaving: state[i] == "leaves"}
				if state[i] == "joins" {
					answers[j].Own, unready = nil, true
				}
			}
			if found := s.Answered(answers); found >= 0 {
				if want < 0 || s.Ask()[found] != at(want) {
					t.Fatalf("found %v, want member %d of %v", s.Ask()[found], want, state)
				}
				return
			}
			if err := s.Beyond(answers); err != nil {
				t.Fatal(err)
			}
		}
		if want >= 0 {
			t.Fatalf("found none, want member %d of %v", want, state)
		}
		if s.Unready() != unready {
			t.Fatalf("some may receive later: %v, want %v", s.Unready(), unready)
		}
	})
}

// TestHeld: a leaver goes once around the circle by the ranges of the owners of what it holds, in parts that do not
// overlap and that together have each point once.
func TestHeld(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		self := rapid.Uint64Range(0, 63).Draw(t, "leaver")
		ends := rapid.SliceOfNDistinct(rapid.Uint64Range(0, 63), 1, 6, rapid.ID).Draw(t, "owners")
		owner := func(point chord.ID) (from, to uint64) { // the first end at or after a point, and the one before
			best := uint64(64)
			for _, end := range ends {
				if d := (end - uint64(termstest.Number(point)) + 64) % 64; d < best {
					best, to = d, end
				}
			}
			best = 64
			for _, end := range ends {
				if d := (to - end + 63) % 64; d < best {
					best, from = d, end
				}
			}
			return from, to
		}
		var seen [64]int
		at := termstest.ID(self)
		for range len(ends) + 2 {
			point := termstest.ID(uint64(termstest.Number(at)) + 1)
			h, last := Held(termstest.Ownership(first(owner(point)), second(owner(point)), 1), termstest.ID(self), point)
			if !h.Covers(point) {
				t.Fatalf("%v is asked about for %v", h, point)
			}
			for n := range seen {
				if h.Covers(termstest.ID(uint64(n))) {
					seen[n]++
				}
			}
			if last || !chord.Between(at, h.To, termstest.ID(self)) {
				break
			}
			at = h.To
		}
		for n, times := range seen {
			if times != 1 {
				t.Fatalf("leaver %d, owners %v: point %d is in %d parts", self, ends, n, times)
			}
		}
	})
}

func first(a, _ uint64) uint64  { return a }
func second(_, b uint64) uint64 { return b }
