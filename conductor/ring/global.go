package ring

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"chordconductor/node/chord"
)

// checkPrincipals counts the principal members: those that no member's list skips, that is, that lie strictly between
// no two neighbours of a list with its owner as the first entry. Uncertain members that may be on the ring may be
// principal too.
func (r *Ring) checkPrincipals() {
	n := len(r.live)
	r.skips = append(r.skips[:0], make([]int, n+1)...)
	var skippers []*record
	for _, x := range r.live {
		if !x.uncertain && r.countSkips(x) {
			skippers = append(skippers, x)
		}
	}
	principals, depth := 0, 0
	for _, d := range r.skips[:n] {
		if depth += d; depth == 0 {
			principals++
		}
	}
	if need := r.parameters.listLen + 1; principals < need && r.uncounted(need-principals) < need-principals {
		r.found(chord.EnoughPrincipals, nil, skippers, fmt.Sprintf("%d of %d needed (members that no successor list skips)", principals, need))
	}
}

// uncounted returns the number of members that may be on the ring and are not counted: no event of theirs has arrived,
// or not the one that reports their join. It stops counting at enough.
func (r *Ring) uncounted(enough int) int {
	n := r.doubtful - (r.counted - r.tree.total().live)
	if n >= enough || !r.mayLackMembers() {
		return n
	}
	return n + len(r.findUnseen(enough-n).list)
}

// countSkips adds the members that x's list skips, and reports whether it skips any.
func (r *Ring) countSkips(x *record) (any bool) {
	h := &x.to[head]
	if h.cost == namesMember && x.tail == 0 && !h.to.uncertain {
		// The rest of the list is part of the head's list, and is counted there.
		return r.skip(x.rank+1, h.to.rank, x.id.Compare(h.to.id) >= 0)
	}
	last := chord.Peer{ID: x.id, Incarnation: x.inc}
	from := x.rank + 1
	for i := range x.succ.val {
		p := x.succ.val[i].Peer
		if !p.Real() {
			break
		}
		to, found := r.seek(p, from)
		any = r.skip(from, to, cmp.Or(last.ID.Compare(p.ID), cmp.Compare(last.Incarnation, p.Incarnation)) >= 0) || any
		last, from = p, to
		if found {
			from++
		}
	}
	return any
}

// seekAhead is the number of ranks that seek compares one by one before it searches: lists mostly name neighbours.
const seekAhead = 4

// seek returns the rank of a peer among the counted members, or the rank that the peer would have; it starts at hint, a
// likely rank. It compares the first bytes of identifiers, which are stored beside each other: with lists that name
// members all over a large ring, to compare records would take a memory access for each step.
func (r *Ring) seek(p chord.Peer, hint int) (rank int, found bool) {
	head := r.headOf(p.ID)
	for i := hint; i < min(hint+seekAhead, len(r.live)); i++ {
		r.work++
		if r.heads[i] < head {
			continue
		}
		if n := inOrder(r.live[i], p); n >= 0 {
			if i == hint && i > 0 && r.heads[i-1] >= head && inOrder(r.live[i-1], p) >= 0 {
				break
			}
			return i, n == 0
		}
	}
	r.work += bits.Len(uint(len(r.live)))
	for rank, _ = slices.BinarySearch(r.heads, head); rank < len(r.live) && r.heads[rank] == head; rank++ {
		if n := inOrder(r.live[rank], p); n >= 0 {
			return rank, n == 0
		}
		r.work++
	}
	return rank, false
}

// headOf returns the eight bytes of an identifier in which the identifiers of the ring first differ: in a ring of few
// bits all bytes before them are zero. These heads have the order of the identifiers; several identifiers may have the
// same one.
func (r *Ring) headOf(id chord.ID) uint64 {
	for _, b := range id[:r.headAt] {
		if b != 0 { // of a ring with more bits
			return math.MaxUint64
		}
	}
	return binary.BigEndian.Uint64(id[r.headAt:])
}

// inOrder compares incarnations around the circle: a later incarnation of a member lies right after an earlier one, so
// that a list that names the earlier one skips the later one.
func inOrder(x *record, p chord.Peer) int {
	return cmp.Or(x.id.Compare(p.ID), cmp.Compare(x.inc, p.Incarnation))
}

// skip marks the ranks from `from` up to, but not including, `to` as skipped; if wrap is true, around the circle. It
// reports whether there are any.
func (r *Ring) skip(from, to int, wrap bool) bool {
	n := len(r.live)
	if !wrap && from == to || wrap && from == n && to == 0 {
		return false
	}
	r.skips[from]++
	r.skips[to]--
	if wrap {
		r.skips[n]--
		r.skips[0]++
	}
	return true
}

// checkSuccessors follows the first live successor of every member: each must have one, they must form one cycle that
// goes once around the circle, and every member off the cycle must reach it.
func (r *Ring) checkSuccessors() {
	n := len(r.live)
	next := make([]int, n)
	doubt := false
	for i, x := range r.live {
		next[i] = r.bestSuccessor(x)
		switch next[i] {
		case nowhere:
			r.found(chord.LiveSuccessor, x, []*record{x}, "")
		case unknown:
			doubt = true
		}
	}
	on, cycles := followNext(next)
	switch {
	case len(cycles) > 1:
		r.found(chord.OneOrderedRing, nil, r.offCycle(next, cycles), fmt.Sprintf("%d rings", len(cycles)))
	case len(cycles) == 1 && winding(next, cycles[0]) > 1:
		r.found(chord.OneOrderedRing, nil, r.cycle(next, cycles[0]), "the ring goes around the circle more than once")
	case len(cycles) == 0 && !doubt && r.uncounted(1) == 0:
		r.found(chord.OneOrderedRing, nil, r.live, "0 rings")
	}
	if astray := r.astray(next, on); astray != nil {
		r.found(chord.ConnectedAppendages, nil, astray, lost(len(astray)))
	}
}

func lost(members int) string {
	if members == 1 {
		return "1 member does not reach the ring"
	}
	return fmt.Sprintf("%d members do not reach the ring", members)
}

// bestSuccessor returns the rank of the first live entry of x's list, or nowhere, or unknown.
func (r *Ring) bestSuccessor(x *record) int {
	if x.uncertain {
		return unknown
	}
	if h := &x.to[head]; h.cost == namesMember {
		return h.to.rank
	}
	for i := range x.succ.val {
		p := &x.succ.val[i]
		if !p.Real() {
			continue
		}
		to := r.records[p.ID]
		switch {
		case to != nil && to.counted && to.countedAs == p.Incarnation:
			return to.rank
		case to == nil || !to.surelyDead(p.Incarnation):
			return unknown
		}
	}
	return nowhere
}

// followNext finds the cycles of a graph in which each node has at most one successor. It returns which nodes are on a
// cycle, and one node of each cycle.
func followNext(next []int) (on []bool, cycles []int) {
	on = make([]bool, len(next))
	visit := make([]int, len(next)) // by node: the first pass, numbered from 1, that visited it
	for start := range next {
		at := start
		for at >= 0 && visit[at] == 0 {
			visit[at] = start + 1
			at = next[at]
		}
		if at < 0 || visit[at] != start+1 {
			continue // ends, or joins what an earlier pass has visited
		}
		cycles = append(cycles, at)
		for !on[at] {
			on[at] = true
			at = next[at]
		}
	}
	return on, cycles
}

// winding returns how many times a cycle goes around the circle.
func winding(next []int, start int) (turns int) {
	for at := start; ; {
		to := next[at]
		if to <= at {
			turns++ // past identifier 0
		}
		if at = to; at == start {
			return turns
		}
	}
}

// cycle lists the members on the cycle of successors that starts at a member; next has the index of each member's
// successor.
func (r *Ring) cycle(next []int, start int) []*record {
	out := []*record{r.live[start]}
	for at := next[start]; at != start; at = next[at] {
		out = append(out, r.live[at])
	}
	return out
}

// offCycle lists the members of all cycles but the largest.
func (r *Ring) offCycle(next, cycles []int) []*record {
	var largest, out []*record
	for _, start := range cycles {
		c := r.cycle(next, start)
		if len(c) > len(largest) {
			largest, c = c, largest
		}
		out = append(out, c...)
	}
	return out
}

// astray lists the members that certainly reach no cycle.
func (r *Ring) astray(next []int, on []bool) []*record {
	const open, lost, fine = 0, 1, 2
	fate := make([]uint8, len(next))
	var out []*record
	for start := range next {
		at := start
		for at >= 0 && fate[at] == open && !on[at] {
			fate[at] = lost // until the end of the pass is known; the node is on no cycle, so the pass cannot return here
			at = next[at]
		}
		end := uint8(fine)
		if at == nowhere || at >= 0 && !on[at] && fate[at] == lost {
			end = lost
		}
		for at = start; at >= 0 && !on[at] && fate[at] == lost && end == fine; at = next[at] {
			fate[at] = fine
		}
		if end == lost {
			out = append(out, r.live[start])
		}
	}
	return out
}
