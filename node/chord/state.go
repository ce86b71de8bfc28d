package chord

import "slices"

// State is one member's ring pointers. Succ always has exactly r entries, ordered clockwise from
// Self: first the real ones, which may be dead, then placeholders, which have an identifier and no
// address. Placeholders take the identifiers right after the last real entry (or after Self), so
// that no gap between two entries implies that a part of the circle has no members.
type State struct {
	Self Peer
	Pred Peer // zero: none known
	Succ []Peer
}

// Neighbors is a member's answer to a query that copies its pointers.
type Neighbors struct {
	Peer Peer // the member that answered
	Pred Peer
	Succ []Peer
	Past []Peer // the part of its host list past Succ (HostsPast); the rules of the ring do not use it
}

// New returns the state of a ring's first member: alone, with no predecessor and r placeholders.
func New(space Space, self Peer, r int) State {
	return State{Self: self, Succ: compose(space, self.ID, r, Peer{}, nil)}
}

// Head returns the first real successor, or the member itself if it has none.
func (s State) Head() Peer { return head(s.Self, s.Succ) }

// Head returns the first real successor of the member that answered, or that member itself if it
// has none.
func (n Neighbors) Head() Peer { return head(n.Peer, n.Succ) }

// Neighbors returns the member's answer to a query for its pointers.
func (s State) Neighbors() Neighbors { return Neighbors{Peer: s.Self, Pred: s.Pred, Succ: s.Succ} }

// Equal reports whether both states are of the same member with the same pointers.
func (s State) Equal(o State) bool {
	return s.Self == o.Self && s.Pred == o.Pred && slices.Equal(s.Succ, o.Succ)
}

// Live lists the real entries of the successor list, nearest first. Some may be dead. An empty result means that the
// member is alone or an orphan.
func (s State) Live() []Peer {
	n := realEntries(s.Succ)
	return s.Succ[:n:n]
}

// Ordered reports whether the successor list runs clockwise from the member, names neither it nor another member twice,
// and has no real entry after a placeholder. No transition makes any other list.
func (s State) Ordered() bool {
	last, placeholders := s.Self.ID, false
	for _, p := range s.Succ {
		if !p.Real() {
			placeholders = true
			continue
		}
		if placeholders || !Between(last, p.ID, s.Self.ID) {
			return false
		}
		last = p.ID
	}
	return true
}

func head(self Peer, list []Peer) Peer {
	if len(list) > 0 && list[0].Real() {
		return list[0]
	}
	return self
}

func realEntries(list []Peer) int {
	for i, p := range list {
		if !p.Real() {
			return i
		}
	}
	return len(list)
}

// compose builds a member's list of r entries from a first entry (zero: none) and the entries after it. It stops at the
// first entry that is a placeholder, the member itself, or out of circle order, and fills the rest with placeholders.
// In a ring of more than r members no entry is dropped; in a smaller one this keeps lists from wrapping past their
// owner.
func compose(space Space, self ID, r int, first Peer, rest []Peer) []Peer {
	return composeInto(make([]Peer, 0, r), space, self, r, first, rest)
}

// composeInto does what compose does, in the memory of list.
func composeInto(list []Peer, space Space, self ID, r int, first Peer, rest []Peer) []Peer {
	list = list[:0]
	last := self
	take := func(p Peer) bool {
		if len(list) == r || !p.Real() || !Between(last, p.ID, self) {
			return false
		}
		list, last = append(list, p), p.ID
		return true
	}
	if first == (Peer{}) || take(first) {
		for _, p := range rest {
			if !take(p) {
				break
			}
		}
	}
	for len(list) < r {
		last = space.Next(last)
		list = append(list, Peer{ID: last})
	}
	return list
}
