package modelcheck

import (
	"fmt"

	"chordconductor/node/chord"
)

// A protocol computes one member's next cell. Cells are given and returned without status bits. A distance is from the
// member to the other one.
type protocol interface {
	first() cell                                        // founding a ring
	join(distance int, m cell) (c cell, ok bool)        // the distance is to m, which answered
	headDead(c cell) cell                               // the first successor did not answer
	headAlive(c cell, distance int, s cell) (cell, ref) // it answered s; the second result is a candidate to follow, or 0
	candidateAlive(c cell, distance int, p cell) cell   // a candidate, or a contact of another ring, answered p
	candidateDead(c cell, p ref) cell                   // the candidate did not answer
	nearer(c cell, distance int) bool                   // a contact at this distance is worth a query
	rectify(c cell, distance int) (next cell, ping bool)
	predDead(c cell, distance int) cell // the pinged predecessor did not answer; the distance is to the notifier
	successorDeparts(c cell, distance int, leaver cell) cell
	predecessorDeparts(c cell, distance int, leaver cell) cell
}

// production is the protocol of package chord. It caches the results by their packed arguments.
type production struct {
	n, r    int
	circles []circle
	memo    map[uint64]uint64
}

// A circle gives the places identifiers.
type circle struct {
	space chord.Space
	peers [maxPlaces][2]chord.Peer // an earlier incarnation, the current one
	place map[chord.ID]int
}

func newProduction(n, r int) *production {
	p := &production{n: n, r: r, memo: map[uint64]uint64{}}
	dense, _ := chord.NewSpace(chord.MinBits) // adjacent identifiers: placeholders fall on members, 7 + 1 is 0
	wide, _ := chord.NewSpace(chord.MaxBits)
	p.circles = []circle{
		newCircle(dense, n, func(i int) chord.ID { return dense.FromUint64(uint64(5 + i)) }),
		newCircle(wide, n, func(i int) chord.ID { return chord.ID{byte(200 + i*(256/n)), byte(i), 19: byte(7 * i)} }),
	}
	return p
}

func newCircle(space chord.Space, n int, id func(int) chord.ID) circle {
	c := circle{space: space, place: map[chord.ID]int{}}
	for i := range n {
		for incarnation := range 2 {
			c.peers[i][incarnation] = chord.Peer{ID: id(i), Addr: fmt.Sprintf("host-%d:1", i), Incarnation: int64(incarnation + 1)}
		}
		c.place[id(i)] = i
	}
	return c
}

func (k *circle) peer(place, n int, r ref) chord.Peer {
	if r == 0 {
		return chord.Peer{}
	}
	incarnation := 1
	if r&earlierIncarnation != 0 {
		incarnation = 0
	}
	return k.peers[(place+r.distance())%n][incarnation]
}

// state is the production form of a cell at a place.
func (k *circle) state(place, n, r int, c cell) chord.State {
	s := chord.State{Self: k.peers[place][1], Pred: k.peer(place, n, c.pred()), Succ: make([]chord.Peer, r)}
	last := s.Self.ID
	for i := range r {
		if s.Succ[i] = k.peer(place, n, c.succ(i)); !s.Succ[i].Real() {
			s.Succ[i].ID = k.space.Next(last)
		}
		last = s.Succ[i].ID
	}
	return s
}

// cell packs a state. It panics if the state is not well formed: that is a finding, too.
func (k *circle) cell(place, n int, s chord.State) cell {
	if s.Self != k.peers[place][1] {
		panic(fmt.Sprintf("a transition of %v made %v", k.peers[place][1], s))
	}
	pack := func(p chord.Peer) ref {
		if !p.Real() {
			return 0
		}
		r := ref((k.place[p.ID] - place + n) % n)
		if p == k.peers[k.place[p.ID]][0] {
			r |= earlierIncarnation
		}
		return r
	}
	c := cell(0).withPred(pack(s.Pred))
	for i, p := range s.Succ {
		c = c.withSucc(i, pack(p))
	}
	if !k.state(place, n, len(s.Succ), c).Equal(s) {
		panic(fmt.Sprintf("not well formed: %v", s))
	}
	return c
}

// A call is one transition with its arguments unpacked.
type call struct {
	circle *circle
	self   chord.Peer
	state  chord.State // of the cell that changes
	other  chord.State // of the cell at the distance
	ref    chord.Peer  // the peer of the ref argument
}

const (
	second = 1 << 32 // the second result of a transition, above the cell
	none   = 1 << 33 // no cell at all
)

// compute returns a stored result, or runs a transition at every place of every circle and compares.
func (p *production) compute(op uint64, c cell, distance int, other cell, run func(call) (chord.State, uint64)) (cell, uint64) {
	k := op<<60 | uint64(distance)<<56 | uint64(other)<<28 | uint64(c)
	v, known := p.memo[k]
	if !known {
		for i := range p.circles {
			circle := &p.circles[i]
			for place := range p.n {
				at := (place + distance) % p.n
				s, extra := run(call{circle, circle.peers[place][1], circle.state(place, p.n, p.r, c),
					circle.state(at, p.n, p.r, other), circle.peers[at][1]})
				got := extra
				if extra&none == 0 {
					got |= uint64(circle.cell(place, p.n, s))
				}
				if (i > 0 || place > 0) && got != v {
					panic(fmt.Sprintf("transition %d of %x, with %x at distance %d, is not the same everywhere: %x and %x", op, c, other, distance, v, got))
				}
				v = got
			}
		}
		p.memo[k] = v
	}
	return cell(v & (second - 1)), v &^ (second - 1)
}

func (p *production) first() cell {
	c, _ := p.compute(0, 0, 0, 0, func(a call) (chord.State, uint64) { return chord.New(a.circle.space, a.self, p.r), 0 })
	return c
}

func (p *production) join(distance int, m cell) (cell, bool) {
	c, extra := p.compute(1, 0, distance, m, func(a call) (chord.State, uint64) {
		if !chord.Joins(a.other.Neighbors(), a.self.ID) {
			return chord.State{}, none
		}
		return chord.Join(a.circle.space, a.self, p.r, a.other.Neighbors()), 0
	})
	return c, extra&none == 0
}

func (p *production) headDead(c cell) cell {
	c, _ = p.compute(2, c, 0, 0, func(a call) (chord.State, uint64) { return chord.HeadDead(a.circle.space, a.state), 0 })
	return c
}

func (p *production) headAlive(c cell, distance int, s cell) (cell, ref) {
	next, extra := p.compute(3, c, distance, s, func(a call) (chord.State, uint64) {
		next, candidate, follow := chord.HeadAlive(a.circle.space, a.state, a.other.Neighbors())
		if follow && candidate != a.other.Pred {
			panic("a candidate that no answer named")
		}
		if follow {
			return next, second
		}
		return next, 0
	})
	if extra&second == 0 {
		return next, 0
	}
	return next, ref((distance+s.pred().distance())%p.n) | s.pred()&earlierIncarnation
}

func (p *production) candidateAlive(c cell, distance int, q cell) cell {
	c, _ = p.compute(4, c, distance, q, func(a call) (chord.State, uint64) {
		return chord.CandidateAlive(a.circle.space, a.state, a.other.Neighbors()), 0
	})
	return c
}

func (p *production) candidateDead(c cell, _ ref) cell { return c }

func (p *production) nearer(c cell, distance int) bool {
	_, extra := p.compute(5, c, distance, 0, func(a call) (chord.State, uint64) {
		if chord.Nearer(a.state, a.ref) {
			return a.state, second
		}
		return a.state, 0
	})
	return extra&second != 0
}

func (p *production) rectify(c cell, distance int) (cell, bool) {
	c, extra := p.compute(6, c, distance, 0, func(a call) (chord.State, uint64) {
		next, ping := chord.Rectify(a.state, a.ref)
		if ping {
			return next, second
		}
		return next, 0
	})
	return c, extra&second != 0
}

func (p *production) predDead(c cell, distance int) cell {
	c, _ = p.compute(7, c, distance, 0, func(a call) (chord.State, uint64) { return chord.PredDead(a.state, a.ref), 0 })
	return c
}

func (p *production) successorDeparts(c cell, distance int, leaver cell) cell {
	c, _ = p.compute(8, c, distance, leaver, func(a call) (chord.State, uint64) {
		return chord.SuccessorDeparts(a.circle.space, a.state, a.ref, a.other.Succ), 0
	})
	return c
}

func (p *production) predecessorDeparts(c cell, distance int, leaver cell) cell {
	c, _ = p.compute(9, c, distance, leaver, func(a call) (chord.State, uint64) {
		return chord.PredecessorDeparts(a.state, a.ref, a.other.Pred), 0
	})
	return c
}
