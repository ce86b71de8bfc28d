package chord

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// Adjacent ranges, complete in any order, are released from the receiver's own downwards until one is missing.
func TestTurns(t *testing.T) {
	space, err := NewSpace(8)
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 0))
		n := r.IntN(8)
		bounds := r.Perm(256)[:n+1]
		slices.SortFunc(bounds, func(a, b int) int { return b - a }) // from the receiver's own range downwards
		for i := range bounds {
			bounds[i] = (bounds[i] + int(seed)) % 256 // some cross zero
		}
		order := r.Perm(n)
		missing := r.IntN(n + 1) // none if it is n
		var complete []Range
		want := make([]int, 0, n)
		for _, i := range order {
			if i != missing {
				complete = append(complete, Range{space.FromUint64(uint64(bounds[i+1])), space.FromUint64(uint64(bounds[i]))})
			}
		}
		for i := range missing {
			want = append(want, slices.Index(complete, Range{space.FromUint64(uint64(bounds[i+1])), space.FromUint64(uint64(bounds[i]))}))
		}
		if got := Turns(space.FromUint64(uint64(bounds[0])), complete); !slices.Equal(got, want) {
			t.Errorf("seed %d: from %d of %v: turns %v, want %v", seed, bounds[0], complete, got, want)
		}
	}
	all := space.FromUint64(7)
	if got := Turns(all, []Range{{all, all}}); !slices.Equal(got, []int{0}) {
		t.Errorf("a range that is the whole circle has the turns %v", got)
	}
}

// The members' stances decide which member receives a range, which leaver must not stay, and when a ring ends.
func TestStances(t *testing.T) {
	peers := []Peer{{ID: ID{1}, Addr: "a"}, {ID: ID{2}, Addr: "b"}, {ID: ID{3}, Addr: "c"}}
	for _, stays := range []int{0, 1, 2, 3} {
		for _, other := range []Stance{Silent, Leaves, Bound} {
			to, ok := Receiver(peers, func(p Peer) Stance {
				if i := slices.Index(peers, p); i >= stays {
					return Stays
				}
				return other
			})
			if ok != (stays < 3) || ok && to != peers[stays] {
				t.Errorf("receiver if those before %d are %d: %v (%t)", stays, other, to, ok)
			}
		}
		want := peers
		if stays < 3 {
			want = peers[stays:]
		}
		if got := DepartingList(peers, append(slices.Clone(peers), Peer{ID: ID{9}})[stays]); !slices.Equal(got, want) {
			t.Errorf("the list of one that departs, if %d stays: %v", stays, got)
		}
	}
	if !DepartsFirst(peers[1], peers[0]) || DepartsFirst(peers[0], peers[2]) {
		t.Error("the second does not depart first, or waits across zero")
	}
	for _, test := range []struct {
		stance   Stance
		mayEnd   bool
		answer   Stance
		takeBack bool
	}{
		{Silent, true, Stays, false}, {Stays, true, Stays, false}, {Leaves, false, Stays, true}, {Leaves, true, Bound, true},
		{Bound, false, Bound, false}, {Bound, true, Bound, false},
	} {
		if got := test.stance.AnswerLastCall(test.mayEnd); got != test.answer {
			t.Errorf("%d (may end: %t) answers %d, want %d", test.stance, test.mayEnd, got, test.answer)
		}
		if got := test.stance.MayTakeBack(); got != test.takeBack {
			t.Errorf("%d may take its leave back: %t", test.stance, got)
		}
	}
	for _, test := range []struct {
		answers []Stance
		waited  bool
		want    Verdict
	}{
		{nil, false, Agreed}, {[]Stance{Leaves, Bound}, false, Agreed}, {[]Stance{Silent, Leaves}, false, Waiting},
		{[]Stance{Silent, Leaves}, true, Agreed}, {[]Stance{Silent, Stays}, false, Cancelled}, {[]Stance{Stays, Silent}, true, Cancelled},
	} {
		if got := DecideLastCall(test.answers, test.waited); got != test.want {
			t.Errorf("answers %v, waited %t: %d, want %d", test.answers, test.waited, got, test.want)
		}
	}
}
