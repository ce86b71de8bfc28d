package modelcheck

import (
	"fmt"
	"slices"
	"strings"
)

// An exploration is what has been visited. States are numbered in breadth-first order.
type exploration struct {
	*model
	keys   []key
	parent []uint32
	index  []uint32 // open addressing: 1 + number, by hash of the key; at most half full
	orbits uint64   // states, with every rotation counted
	edges  []uint32 // quiet steps, by the state they start from
	starts []uint64 // where a state's edges start
	steps  uint64
}

const root = ^uint32(0) // the parent of an initial state

// explore visits all states reachable from the initial rings, up to the first that is broken. It returns what is wrong
// with that one, and the steps to it.
func (m *model) explore(initial []ring) (x *exploration, wrong string) {
	x = &exploration{model: m, index: make([]uint32, 1<<16)}
	for i := range initial {
		x.visit(&initial[i], root)
	}
	for at := 0; at < len(x.keys); at++ {
		g := m.unpack(x.keys[at])
		if wrong := m.broken(&g); wrong != "" {
			return x, wrong + "\n" + x.trace(uint32(at))
		}
		x.starts = append(x.starts, uint64(len(x.edges)))
		m.expand(&g, func(e event, next *ring) {
			x.steps++
			to := x.visit(next, uint32(at))
			if e.kind < lateNotify {
				x.edges = append(x.edges, to)
			}
		})
	}
	x.starts = append(x.starts, uint64(len(x.edges)))
	return x, ""
}

// visit numbers a ring, or finds its number.
func (x *exploration) visit(g *ring, parent uint32) uint32 {
	least := *g
	if !x.rotations {
		least = g.canonical(x.n)
	}
	k := x.pack(&least)
	if 2*len(x.keys) >= len(x.index) {
		x.grow()
	}
	at := k.hash() & uint64(len(x.index)-1)
	for ; x.index[at] != 0; at = (at + 1) & uint64(len(x.index)-1) {
		if x.keys[x.index[at]-1] == k {
			return x.index[at] - 1
		}
	}
	x.keys = append(x.keys, k)
	x.parent = append(x.parent, parent)
	x.index[at] = uint32(len(x.keys))
	x.orbits += uint64(least.orbit(x.n))
	return uint32(len(x.keys) - 1)
}

func (x *exploration) same(g *ring, k key) bool {
	stored := x.unpack(k)
	return g.canonical(x.n) == stored.canonical(x.n)
}

func (x *exploration) grow() {
	x.index = make([]uint32, 2*len(x.index))
	for i, k := range x.keys {
		at := k.hash() & uint64(len(x.index)-1)
		for x.index[at] != 0 {
			at = (at + 1) & uint64(len(x.index)-1)
		}
		x.index[at] = uint32(i + 1)
	}
}

// unsettled returns "" if every order of quiet steps, from every state, comes to an end, and to an ideal ring.
// Otherwise it returns a counterexample.
func (x *exploration) unsettled() string {
	incoming := make([]uint32, len(x.keys))
	for _, to := range x.edges {
		incoming[to]++
	}
	var ready []uint32 // states that no state still to be done leads to
	for i, n := range incoming {
		if n == 0 {
			ready = append(ready, uint32(i))
		}
	}
	done := 0
	for len(ready) > 0 {
		at := ready[len(ready)-1]
		ready = ready[:len(ready)-1]
		done++
		steps := x.edges[x.starts[at]:x.starts[at+1]]
		if len(steps) == 0 {
			if g := x.unpack(x.keys[at]); !x.ideal(&g) {
				return "at rest, but not ideal\n" + x.trace(at)
			}
		}
		for _, to := range steps {
			if incoming[to]--; incoming[to] == 0 {
				ready = append(ready, to)
			}
		}
	}
	if done < len(x.keys) {
		return "maintenance may go on forever\n" + x.describe(x.endless(incoming))
	}
	return ""
}

// endless returns a path to a cycle of quiet steps, and once around that cycle. It follows steps backwards between the
// states that are still to be done: each of these has such a step coming in, so every chain ends in a cycle.
func (x *exploration) endless(incoming []uint32) []uint32 {
	from := slices.Repeat([]uint32{root}, len(x.keys)) // the first such chain
	for at := range x.keys {
		if incoming[at] > 0 {
			for _, to := range x.edges[x.starts[at]:x.starts[at+1]] {
				if from[to] == root {
					from[to] = uint32(at)
				}
			}
		}
	}
	at := uint32(0)
	for incoming[at] == 0 {
		at++
	}
	for range x.keys { // long enough to be on the cycle
		at = from[at]
	}
	var round []uint32
	for to := at; len(round) == 0 || to != at; to = from[to] {
		round = append(round, to)
	}
	return append(round, x.path(at)...)
}

// path is a shortest way to a state, backwards.
func (x *exploration) path(at uint32) []uint32 {
	path := []uint32{at}
	for x.parent[at] != root {
		at = x.parent[at]
		path = append(path, at)
	}
	return path
}

func (x *exploration) trace(at uint32) string { return x.describe(x.path(at)) }

// describe describes a path, given backwards, without the rotations that states are stored with.
func (x *exploration) describe(path []uint32) string {
	g := x.unpack(x.keys[path[len(path)-1]])
	var b strings.Builder
	fmt.Fprintf(&b, "%3d. start:\n     %s\n", 0, g.write(x.n, x.r))
	for i := len(path) - 2; i >= 0; i-- {
		here, found := g, false
		x.expand(&here, func(e event, next *ring) {
			if !found && x.same(next, x.keys[path[i]]) {
				found, g = true, *next
				fmt.Fprintf(&b, "%3d. %v:\n     %s\n", len(path)-1-i, e, g.write(x.n, x.r))
			}
		})
	}
	return b.String()
}
