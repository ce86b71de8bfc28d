package modelcheck

import (
	"fmt"
	"strings"
)

const maxPlaces = 7

// A cell is one place on the circle: whether it has a live member, its pointers, relative to the place, and the query
// it has under way.
//
//	bits 0-3: predecessor; bits 4-7, 8-11, …: successors; bits 28-29: alive, leaving; bits 32 and up: pending
//
// A dead place is the zero cell.
type cell uint64

const (
	alive   cell = 1 << 28
	leaving cell = 1 << 29
	known        = alive - 1
)

// A ref is a pointer: the distance to the place in its lower three bits, and whether it means an earlier incarnation of
// a member that has joined again. 0 means none, or a placeholder.
type ref uint8

const earlierIncarnation ref = 8

func (r ref) distance() int { return int(r & 7) }

func (c cell) pred() ref      { return ref(c & 15) }
func (c cell) succ(i int) ref { return ref(c >> (4 + 4*i) & 15) }

func (c cell) withPred(r ref) cell        { return c&^15 | cell(r) }
func (c cell) withSucc(i int, r ref) cell { return c&^(15<<(4+4*i)) | cell(r)<<(4+4*i) }

// pointers is the cell without its status and its query, which no transition looks at.
func (c cell) pointers() cell { return c & known }

func (c cell) pending() pending         { return pending(c >> 32) }
func (c cell) with(p pending) cell      { return c&(1<<32-1) | cell(p)<<32 }
func (c cell) withPointers(p cell) cell { return c&^known | p }
func (c cell) mapRefs(f func(ref) ref) cell {
	for at := 0; at < 28; at += 4 {
		if r := ref(c >> at & 15); r != 0 {
			c = c&^(15<<at) | cell(f(r))<<at
		}
	}
	return c
}

// A pending is a query under way, if the model separates the query from applying the answer.
//
//	bits 0-1: stage; bits 2-5: the member asked; bits 6 and up: its pointers when it answered, relative to it
type pending uint32

const (
	idle      pending = iota
	asked             // the answer is on its way: of the first successor, or, for a dead place, of the member to join behind
	following         // the candidate has yet to be queried
	askedCandidate
	stage = 3
)

func newPending(stage pending, target ref, answer cell) pending {
	return stage | pending(target)<<2 | pending(answer.pointers())<<6
}

func (p pending) stage() pending { return p & stage }
func (p pending) target() ref    { return ref(p >> 2 & 15) }
func (p pending) answer() cell   { return cell(p >> 6) }

// A ring is the whole circle at one instant.
type ring struct {
	cells [maxPlaces]cell
	spent uint8 // joins and failures so far, if the model bounds them
}

// rotated is the ring seen from place by.
func (g *ring) rotated(n, by int) ring {
	out := ring{spent: g.spent}
	for i := range n {
		out.cells[i] = g.cells[(by+i)%n]
	}
	return out
}

// canonical returns the least of the ring's rotations, which represents all of them.
func (g *ring) canonical(n int) ring {
	best := 0
	for by := 1; by < n; by++ {
		for i := range n {
			if a, b := g.cells[(by+i)%n], g.cells[(best+i)%n]; a != b {
				if a < b {
					best = by
				}
				break
			}
		}
	}
	if best == 0 {
		return *g
	}
	return g.rotated(n, best)
}

// orbit returns the number of different rings among the ring's n rotations.
func (g *ring) orbit(n int) int {
	for period := 1; period < n; period++ {
		if n%period == 0 && g.rotated(n, period) == *g {
			return period
		}
	}
	return n
}

// died marks a place dead. References to its earlier incarnations are as dead as those to its last.
func (g *ring) died(place, n int) {
	g.cells[place] = 0
	g.relabel(place, n, func(r ref) ref { return r &^ earlierIncarnation })
}

// born makes a place live with a first state. All references to it so far mean earlier incarnations.
func (g *ring) born(place, n int, c cell) {
	g.cells[place] = 0
	g.relabel(place, n, func(r ref) ref { return r | earlierIncarnation })
	g.cells[place] = c | alive
}

// relabel changes all references to a place, those in answers under way too.
func (g *ring) relabel(place, n int, change func(ref) ref) {
	for i, c := range g.cells[:n] {
		if c == 0 {
			continue
		}
		seenFrom := func(at int) func(ref) ref {
			distance := (place - at + n) % n
			return func(r ref) ref {
				if r.distance() == distance {
					return change(r)
				}
				return r
			}
		}
		p := c.pending()
		c = c.withPointers(c.pointers().mapRefs(seenFrom(i)))
		if p.stage() != idle {
			target := seenFrom(i)(p.target())
			c = c.with(newPending(p.stage(), target, p.answer().mapRefs(seenFrom((i+target.distance())%n))))
		}
		g.cells[i] = c
	}
}

// current reports whether a pointer of a place means a live member.
func (g *ring) current(place, n int, r ref) bool {
	return r != 0 && r&earlierIncarnation == 0 && g.cells[(place+r.distance())%n]&alive != 0
}

// write prints the ring, place by place. 4' means an earlier incarnation of 4, 4† a dead member.
func (g *ring) write(n, r int) string {
	name := func(place int, r ref) string {
		switch at := (place + r.distance()) % n; {
		case r == 0:
			return "-"
		case r&earlierIncarnation != 0:
			return fmt.Sprintf("%d'", at)
		case !g.current(place, n, r):
			return fmt.Sprintf("%d†", at)
		default:
			return fmt.Sprint(at)
		}
	}
	list := func(place int, c cell) string {
		text := "pred " + name(place, c.pred()) + " succ"
		for k := range r {
			text += " " + name(place, c.succ(k))
		}
		return text
	}
	var b strings.Builder
	for i, c := range g.cells[:n] {
		if c == 0 {
			continue
		}
		fmt.Fprintf(&b, "  [%d", i)
		if c&leaving != 0 {
			b.WriteString(" leaving")
		}
		if c&alive != 0 {
			b.WriteString(" " + list(i, c))
		}
		p := c.pending()
		switch p.stage() {
		case asked, askedCandidate:
			fmt.Fprintf(&b, ", awaits %s: %s", name(i, p.target()), list(i+p.target().distance(), p.answer()))
		case following:
			fmt.Fprintf(&b, ", follows %s", name(i, p.target()))
		}
		b.WriteByte(']')
	}
	return b.String()
}
