package modelcheck

import (
	"fmt"
	"math/bits"

	"chordconductor/node/chord"
)

// A places is a set of places, one bit each.
type places uint8

func (p places) has(i int) bool { return p>>i&1 != 0 }
func (p places) count() int     { return bits.OnesCount8(uint8(p)) }

// from converts a set relative to a place into one relative to place 0.
func (p places) from(place, n int) places {
	return (p<<place | p>>(n-place)) & (1<<n - 1)
}

// facts are the properties that the checker needs of every state, looked up for packed cells. TestFactsAgree compares
// them with the definitions in package chord.
type facts struct {
	skips, names []places // by successor list: places strictly between its entries, and named in their current incarnation
	rightful     []cell   // by set of live places that 0 belongs to: the pointers of 0 in an ideal ring
}

func newFacts(n, r int) facts {
	lists := 1 << (4 * r)
	f := facts{skips: make([]places, lists), names: make([]places, lists), rightful: make([]cell, 1<<n)}
	for l := range lists {
		c, next := cell(l<<4), 1
		for i := range r {
			s := c.succ(i)
			if s == 0 {
				break
			}
			for p := next; p < s.distance(); p++ {
				f.skips[l] |= 1 << p
			}
			if next = s.distance(); s&earlierIncarnation == 0 { // else the next entry skips the current incarnation
				f.names[l] |= 1 << next
				next++
			}
		}
	}
	for live := range f.rightful {
		var c cell
		for d, i := 1, 0; d < n; d++ {
			if places(live).has(d) {
				c = c.withPred(ref(d))
				if i < r {
					c = c.withSucc(i, ref(d))
				}
				i++
			}
		}
		f.rightful[live] = c
	}
	return f
}

func list(c cell) int { return int(c.pointers() >> 4) }

func (g *ring) live(n int) (p places) {
	for i, c := range g.cells[:n] {
		if c&alive != 0 {
			p |= 1 << i
		}
	}
	return p
}

// successors are the members that a member names in their current incarnation, dead or not.
func (m *model) successors(g *ring, place int) places {
	return m.names[list(g.cells[place])].from(place, m.n)
}

func (m *model) principals(g *ring) places {
	live := g.live(m.n)
	p := live
	for i := range m.n {
		if live.has(i) {
			p &^= m.skips[list(g.cells[i])].from(i, m.n)
		}
	}
	return p
}

func (m *model) invariant(g *ring) string {
	live := g.live(m.n)
	for i := range m.n {
		if live.has(i) && m.successors(g, i)&live == 0 {
			return fmt.Sprintf("%s: member %d has none", chord.LiveSuccessor, i)
		}
	}
	if p := m.principals(g).count(); p <= m.r {
		return fmt.Sprintf("%s: %d of at least %d", chord.EnoughPrincipals, p, m.r+1)
	}
	return ""
}

func (m *model) ideal(g *ring) bool {
	live := g.live(m.n)
	for i := range m.n {
		if live.has(i) && g.cells[i].pointers() != m.rightful[live.from(m.n-i, m.n)] {
			return false
		}
	}
	return true
}

// ideals are the ideal rings of all sets of live places that keep accepts.
func (m *model) ideals(keep func(places) bool) []ring {
	var out []ring
	for live := places(1); int(live) < 1<<m.n; live++ {
		if !keep(live) {
			continue
		}
		var g ring
		for i := range m.n {
			if live.has(i) {
				g.cells[i] = m.rightful[live.from(m.n-i, m.n)] | alive
			}
		}
		out = append(out, g)
	}
	return out
}

// mayFail is the proof's assumption about failures: no member loses its last live successor, and no principal fails
// while there are only r+1. A leaving member counts as gone already, and a list that is about to be adopted counts like
// an adopted one.
func (s *scene) mayFail(t int) bool {
	rest := s.live &^ s.left &^ (1 << t)
	principals := s.live &^ s.left
	for i := range s.n {
		if s.live.has(i) {
			l := list(s.cells[i])
			if i != t && s.names[l].from(i, s.n)&rest == 0 {
				return false
			}
			principals &^= s.skips[l].from(i, s.n)
		}
		if p := s.cells[i].pending().stage(); !s.overlooked && (p == asked || p == askedCandidate) {
			l := list(s.expected(i))
			if i != t && s.names[l].from(i, s.n)&rest == 0 {
				return false
			}
			principals &^= s.skips[l].from(i, s.n)
		}
	}
	return s.failsFreely || !principals.has(t) || principals.count() > s.r+1
}

// expected is the cell that a member will have when it applies the answer under way.
func (s *scene) expected(i int) cell {
	p := s.cells[i].pending()
	c, d := s.cells[i].pointers(), p.target().distance()
	next := cell(0)
	switch {
	case s.cells[i]&alive == 0:
		next, _ = s.protocol.join(d, p.answer())
	case p.stage() == asked:
		next, _ = s.headAlive(c, d, p.answer())
	default:
		next = s.candidateAlive(c, d, p.answer())
	}
	return s.ofIncarnation(next, c, p.target())
}

// states is the ring as package chord sees it.
func (m *model) states(g *ring, k *circle) []chord.State {
	var out []chord.State
	for i, c := range g.cells[:m.n] {
		if c&alive != 0 {
			out = append(out, k.state(i, m.n, m.r, c.pointers()))
		}
	}
	return out
}
