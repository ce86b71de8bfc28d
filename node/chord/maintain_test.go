package chord_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"chordconductor/node/chord"
)

// drawState is any state a member might hold, and drawNeighbors any answer it might get, well formed or not.
func drawState(t *rapid.T, s chord.Space, r int) chord.State {
	n := drawNeighbors(t, s, r)
	state := chord.Join(s, n.Peer, r, drawNeighbors(t, s, r))
	state.Pred = chord.PredDead(state, n.Pred).Pred
	return state
}

func drawNeighbors(t *rapid.T, s chord.Space, r int) chord.Neighbors {
	any := rapid.Custom(func(t *rapid.T) chord.Peer {
		p := chord.Peer{ID: drawID(t, s, "id")}
		if rapid.IntRange(0, 5).Draw(t, "real") > 0 {
			p.Addr = "a:1"
			p.Incarnation = rapid.Int64Range(1, 2).Draw(t, "incarnation")
		}
		return p
	})
	self := any.Draw(t, "peer")
	self.Addr = "a:1"
	return chord.Neighbors{Peer: self, Pred: any.Draw(t, "pred"), Succ: rapid.SliceOfN(any, 0, r+2).Draw(t, "succ")}
}

// Whatever a peer answers, a state stays well formed and no slice that was passed in is written to.
func TestTransitionsKeepListsWellFormed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSpace(t)
		r := rapid.IntRange(1, 9).Draw(t, "r")
		before, n := drawState(t, s, r), drawNeighbors(t, s, r)
		succ, answer := slices.Clone(before.Succ), slices.Clone(n.Succ)
		after, _, _ := chord.HeadAlive(s, before, n)
		rectified, _ := chord.Rectify(before, n.Peer)
		for what, a := range map[string]chord.State{
			"Join":               chord.Join(s, before.Self, r, n),
			"HeadDead":           chord.HeadDead(s, before),
			"HeadAlive":          after,
			"CandidateAlive":     chord.CandidateAlive(s, before, n),
			"Rectify":            rectified,
			"PredDead":           chord.PredDead(before, n.Pred),
			"SuccessorDeparts":   chord.SuccessorDeparts(s, before, before.Head(), n.Succ),
			"PredecessorDeparts": chord.PredecessorDeparts(before, before.Pred, n.Pred),
		} {
			if len(a.Succ) != r || a.Self != before.Self {
				t.Fatalf("%s: %v", what, a)
			}
			if a.Pred.ID == a.Self.ID && a.Pred.Real() && what != "Join" {
				t.Fatalf("%s: its own predecessor: %v", what, a)
			}
			if b := chord.ListBreaches(a); b != nil {
				t.Fatalf("%s: %v in %v", what, b, a)
			}
			last, placeholders := a.Self.ID, false
			for _, p := range a.Succ {
				if placeholders = placeholders || !p.Real(); placeholders && p != (chord.Peer{ID: s.Next(last)}) {
					t.Fatalf("%s: want a placeholder after %x, have %v", what, last, p)
				}
				last = p.ID
			}
		}
		if !slices.Equal(before.Succ, succ) || !slices.Equal(n.Succ, answer) {
			t.Fatal("an argument was written to")
		}
	})
}
