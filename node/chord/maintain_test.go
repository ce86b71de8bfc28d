package chord_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"chordconductor/node/chord"
)

func st(s chord.Space, self uint64, pred chord.Peer, succ []chord.Peer) chord.State {
	return chord.State{Self: peer(s, self), Pred: pred, Succ: succ}
}

func wantState(t *testing.T, what string, got, want chord.State) {
	t.Helper()
	if !got.Equal(want) {
		t.Errorf("%s:\n got %v\nwant %v", what, got, want)
	}
}

func TestJoin(t *testing.T) {
	s := space(t, 6)
	m := st(s, 10, peer(s, 5), list(s, 10, 3, 20, 30, 40)).Neighbors()
	for id, want := range map[uint64]bool{9: false, 10: false, 11: true, 19: true, 20: false, 25: false} {
		if got := chord.Joins(m, s.FromUint64(id)); got != want {
			t.Errorf("Joins behind 10, before 20: %d: %v", id, got)
		}
	}
	wantState(t, "joined", chord.Join(s, peer(s, 15), 3, m), st(s, 15, peer(s, 10), list(s, 15, 3, 20, 30, 40)))
}

func TestJoinTheFirstMember(t *testing.T) {
	s := space(t, 6)
	alone := chord.New(s, peer(s, 10), 3)
	wantState(t, "alone", alone, st(s, 10, chord.Peer{}, list(s, 10, 3)))
	if alone.Head() != alone.Self || len(alone.Live()) != 0 {
		t.Errorf("head of a lone member: %v, live %v", alone.Head(), alone.Live())
	}
	if !chord.Joins(alone.Neighbors(), s.FromUint64(3)) || chord.Joins(alone.Neighbors(), s.FromUint64(10)) {
		t.Error("any member but itself may join behind a lone member")
	}
	wantState(t, "joined", chord.Join(s, peer(s, 3), 3, alone.Neighbors()), st(s, 3, peer(s, 10), list(s, 3, 3, 10)))
}

// A lone member receives a notify from its joiner, and makes it its head when it queries itself.
func TestALoneMemberStabilizes(t *testing.T) {
	s := space(t, 6)
	alone := chord.New(s, peer(s, 10), 3)
	next, _, follow := chord.HeadAlive(s, alone, alone.Neighbors())
	if wantState(t, "no joiner", next, alone); follow {
		t.Error("follow is true without a candidate")
	}
	joiner := chord.Join(s, peer(s, 3), 3, alone.Neighbors())
	alone, ping := chord.Rectify(alone, joiner.Self)
	if ping || alone.Pred != joiner.Self {
		t.Fatalf("after the notify: %v, ping %v", alone, ping)
	}
	next, candidate, follow := chord.HeadAlive(s, alone, alone.Neighbors())
	if !follow || candidate != joiner.Self {
		t.Fatalf("asked itself: candidate %v, follow %v", candidate, follow)
	}
	next = chord.CandidateAlive(s, next, joiner.Neighbors())
	wantState(t, "ring of two", next, st(s, 10, peer(s, 3), list(s, 10, 3, 3)))
}

func TestHeadDead(t *testing.T) {
	s := space(t, 6)
	a := st(s, 50, peer(s, 40), list(s, 50, 3, 60, 63, 5))
	a = chord.HeadDead(s, a)
	wantState(t, "one dead", a, st(s, 50, peer(s, 40), list(s, 50, 3, 63, 5)))
	a = chord.HeadDead(s, a)
	wantState(t, "two dead", a, st(s, 50, peer(s, 40), list(s, 50, 3, 5)))
	a = chord.HeadDead(s, a)
	wantState(t, "all dead", a, st(s, 50, peer(s, 40), list(s, 50, 3)))
	wantState(t, "nothing left to drop", chord.HeadDead(s, a), a)
	// The placeholder behind the last point of the circle is point 0.
	wantState(t, "wrap", chord.HeadDead(s, st(s, 50, peer(s, 40), list(s, 50, 2, 60, 63))),
		st(s, 50, peer(s, 40), []chord.Peer{peer(s, 63), {ID: s.FromUint64(0)}}))
}

func TestHeadAlive(t *testing.T) {
	s := space(t, 6)
	a := st(s, 10, peer(s, 5), list(s, 10, 3, 20, 33, 44))
	for _, c := range []struct {
		pred   chord.Peer
		follow bool
	}{{peer(s, 10), false}, {chord.Peer{}, false}, {peer(s, 15), true}, {peer(s, 5), false}, {incarnation(s, 10, 7), false}} {
		answer := st(s, 20, c.pred, list(s, 20, 3, 30, 40, 50)).Neighbors()
		next, candidate, follow := chord.HeadAlive(s, a, answer)
		wantState(t, "list copied", next, st(s, 10, peer(s, 5), list(s, 10, 3, 20, 30, 40)))
		if follow != c.follow || follow && candidate != c.pred {
			t.Errorf("head's predecessor %v: candidate %v, follow %v", c.pred, candidate, follow)
		}
	}
}

// In a ring of r members or fewer a list would wrap past its owner: it ends there.
func TestFormingListsEndAtTheirOwner(t *testing.T) {
	s := space(t, 6)
	a := st(s, 10, peer(s, 20), list(s, 10, 3, 20))
	next, _, _ := chord.HeadAlive(s, a, st(s, 20, peer(s, 10), list(s, 20, 3, 10)).Neighbors())
	wantState(t, "ring of two", next, a)
	next, _, _ = chord.HeadAlive(s, a, st(s, 20, peer(s, 10), list(s, 20, 3, 30, 10)).Neighbors())
	wantState(t, "ring of three", next, st(s, 10, peer(s, 20), list(s, 10, 3, 20, 30)))
	next, _, _ = chord.HeadAlive(s, a, st(s, 20, peer(s, 10), list(s, 20, 3, 30, 15)).Neighbors())
	wantState(t, "an entry past the owner", next, st(s, 10, peer(s, 20), list(s, 10, 3, 20, 30)))
	next, _, _ = chord.HeadAlive(s, a, st(s, 20, peer(s, 10), list(s, 20, 3, 40, 30)).Neighbors())
	wantState(t, "an entry out of order", next, st(s, 10, peer(s, 20), list(s, 10, 3, 20, 40)))
}

func TestCandidateAlive(t *testing.T) {
	s := space(t, 6)
	a := st(s, 10, peer(s, 5), list(s, 10, 3, 20, 30, 40))
	c := st(s, 15, peer(s, 10), list(s, 15, 3, 20, 30, 40)).Neighbors()
	wantState(t, "adopted", chord.CandidateAlive(s, a, c), st(s, 10, peer(s, 5), list(s, 10, 3, 15, 20, 30)))
	moved := st(s, 10, peer(s, 5), list(s, 10, 3, 12, 15, 20))
	wantState(t, "no longer nearer", chord.CandidateAlive(s, moved, c), moved)
}

func TestNearer(t *testing.T) {
	s := space(t, 6)
	a := st(s, 10, peer(s, 5), list(s, 10, 3, 20, 30, 40))
	for id, want := range map[uint64]bool{10: false, 11: true, 20: false, 21: false, 5: false} {
		if got := chord.Nearer(a, peer(s, id)); got != want {
			t.Errorf("Nearer(%d) = %v", id, got)
		}
	}
	if chord.Nearer(a, chord.Peer{ID: s.FromUint64(11)}) {
		t.Error("a placeholder is never nearer")
	}
}

func TestRectify(t *testing.T) {
	s := space(t, 6)
	for _, c := range []struct {
		what           string
		pred, notifier chord.Peer
		want           chord.Peer
		ping           bool
	}{
		{"none known", chord.Peer{}, peer(s, 3), peer(s, 3), false},
		{"nearer", peer(s, 3), peer(s, 5), peer(s, 5), false},
		{"farther", peer(s, 5), peer(s, 3), peer(s, 5), true},
		{"the same", peer(s, 5), peer(s, 5), peer(s, 5), false},
		{"a later incarnation", peer(s, 5), incarnation(s, 5, 2), incarnation(s, 5, 2), false},
		{"an earlier incarnation", incarnation(s, 5, 2), peer(s, 5), incarnation(s, 5, 2), false},
		{"itself", peer(s, 5), peer(s, 10), peer(s, 5), false},
		{"none", peer(s, 5), chord.Peer{}, peer(s, 5), false},
	} {
		a := st(s, 10, c.pred, list(s, 10, 2, 20, 30))
		next, ping := chord.Rectify(a, c.notifier)
		if next.Pred != c.want || ping != c.ping {
			t.Errorf("%s: predecessor %v, ping %v", c.what, next.Pred, ping)
		}
	}
	a := st(s, 10, peer(s, 5), list(s, 10, 2, 20, 30))
	if got := chord.PredDead(a, peer(s, 3)).Pred; got != peer(s, 3) {
		t.Errorf("dead predecessor replaced by %v", got)
	}
	if got := chord.PredDead(a, chord.Peer{}).Pred; got != (chord.Peer{}) {
		t.Errorf("dead predecessor replaced by %v", got)
	}
}

func TestDepartures(t *testing.T) {
	s := space(t, 6)
	a := st(s, 10, peer(s, 5), list(s, 10, 3, 20, 30, 40))
	wantState(t, "head leaves", chord.SuccessorDeparts(s, a, peer(s, 20), list(s, 20, 3, 30, 40, 50)),
		st(s, 10, peer(s, 5), list(s, 10, 3, 30, 40, 50)))
	wantState(t, "a later entry leaves", chord.SuccessorDeparts(s, a, peer(s, 30), list(s, 30, 3, 40, 50, 60)), a)
	wantState(t, "an earlier incarnation leaves", chord.SuccessorDeparts(s, a, incarnation(s, 20, 0), list(s, 20, 3, 30)), a)
	wantState(t, "predecessor leaves", chord.PredecessorDeparts(a, peer(s, 5), peer(s, 2)),
		st(s, 10, peer(s, 2), list(s, 10, 3, 20, 30, 40)))
	wantState(t, "another leaves", chord.PredecessorDeparts(a, peer(s, 4), peer(s, 2)), a)

	two := st(s, 10, peer(s, 20), list(s, 10, 3, 20))
	two = chord.SuccessorDeparts(s, two, peer(s, 20), list(s, 20, 3, 10))
	two = chord.PredecessorDeparts(two, peer(s, 20), peer(s, 10))
	wantState(t, "the last but one leaves", two, chord.New(s, peer(s, 10), 3))
}

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
