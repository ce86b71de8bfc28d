package chord

// RingError returns how far each member's pointers, by rank, are from ideal, and the total. The
// total is 0 exactly when the ring is Ideal. A member's part is
//
//   - the number of members between its predecessor and the right one; the number of all members if it knows none, one
//     more if the one it knows is dead;
//   - the same for its head;
//   - one for each later entry of the list that is not the entry of "head, then head's list" in that place.
//
// A single step of stabilization need not reduce it, but stabilization brings it to 0.
func (g *Global) RingError(space Space) (each []int, total int) {
	each = make([]int, len(g.States))
	var scratch []Peer
	for i, s := range g.States {
		n := len(g.States)
		each[i] = g.pointerError(s.Pred, (i-1+n)%n, i, -1) + g.pointerError(first(s.Live()), (i+1)%n, i, +1)
		at := g.Rank(s.Head())
		var want []Peer
		if at >= 0 && at != i {
			want = composeInto(scratch, space, s.Self.ID, len(s.Succ), s.Head(), g.States[at].Succ)
			scratch = want
		} else if n == 1 {
			want = compose(space, s.Self.ID, len(s.Succ), Peer{}, nil)
		}
		for k := 1; k < len(s.Succ); k++ {
			if want == nil || s.Succ[k] != want[k] {
				each[i]++
			}
		}
		total += each[i]
	}
	return each, total
}

// pointerError returns the distance, counted in members, from the rank that p names to the right
// rank, for the member of rank self. direction is +1 for a successor, which may lie too far on, and
// -1 for a predecessor, which may lie too far back.
func (g *Global) pointerError(p Peer, right, self, direction int) int {
	n := len(g.States)
	if !p.Real() {
		if right == self {
			return 0 // alone
		}
		return n
	}
	at := g.Rank(p)
	if at < 0 {
		return n + 1
	}
	return ((at-right)*direction%n + n) % n
}

func first(list []Peer) Peer {
	if len(list) == 0 {
		return Peer{}
	}
	return list[0]
}

// Ideal reports whether every member's predecessor and successor list name exactly the members next to it. With more
// than r members this implies the invariant; with fewer, lists end in placeholders and the ring is still forming.
func (g *Global) Ideal(space Space) bool {
	n := len(g.States)
	for i, s := range g.States {
		var pred Peer
		if n > 1 {
			pred = g.States[(i-1+n)%n].Self
		}
		if s.Pred != pred {
			return false
		}
		last := s.Self.ID
		for k, p := range s.Succ {
			want := g.States[(i+1+k)%n].Self
			if k+1 >= n {
				want = Peer{ID: space.Next(last)}
			}
			if p != want {
				return false
			}
			last = p.ID
		}
	}
	return true
}
