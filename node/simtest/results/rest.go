package main

import (
	"slices"

	"chordconductor/node/chord"
)

// A rest is a ring at rest: every member's pointers are ideal. A lookup on it needs package chord only, so that rings
// of any size cost only memory.
type rest struct {
	space  chord.Space
	tables []table // by identifier
	place  map[chord.ID]int
}

// A table is one member's pointers.
type table struct {
	chord.State
	fingers chord.Fingers
	routes  chord.Routes // of both
}

// newRest makes a ring at rest of the peers given, with lists of r entries. There must be more than r peers.
func newRest(space chord.Space, peers []chord.Peer, r int) *rest {
	peers = slices.Clone(peers)
	slices.SortFunc(peers, func(a, b chord.Peer) int { return a.ID.Compare(b.ID) })
	g := &rest{space: space, tables: make([]table, len(peers)), place: make(map[chord.ID]int, len(peers))}
	around := slices.Concat(peers, peers)
	for i, p := range peers {
		pred := around[i+len(peers)-1]
		g.tables[i].State = chord.State{Self: p, Pred: pred, Succ: around[i+1 : i+1+r : i+1+r]}
		g.place[p.ID] = i
	}
	for i := range g.tables {
		t := &g.tables[i]
		t.fingers = g.fingers(peers[i].ID)
		t.routes = chord.NewRoutes(t.State, t.fingers)
	}
	return g
}

// fingers is a member's finger table: one answer fills a run of slots, as it does in a running member.
func (g *rest) fingers(self chord.ID) (f chord.Fingers) {
	for slot := 0; slot < g.space.Bits(); {
		answer := g.tables[g.owner(g.space.FingerStart(self, slot))].Self
		if answer.ID == self {
			break // no other member lies beyond
		}
		f, _ = f.FillFrom(g.space, self, slot, answer)
		runs := f.Runs()
		slot = runs[len(runs)-1].Last + 1
	}
	return f
}

// owner is the member responsible for a key: the first at or after it.
func (g *rest) owner(key chord.ID) int {
	i, _ := slices.BinarySearchFunc(g.tables, key, func(t table, key chord.ID) int { return t.Self.ID.Compare(key) })
	return i % len(g.tables)
}

// A route is the course of a lookup.
type route struct {
	owner    int // the member that it ended at; -1: it did not
	hops     int // members visited between the initiator and the owner
	timeouts int // dead members before the owner that were called
	last     int // including believed owners
}

// lookup follows a lookup from member to member, using only chord.Routes. dead (nil: none) marks members that do not
// answer: the lookup skips those that it has called already, and continues with the next best candidate.
func (g *rest) lookup(from int, key chord.ID, dead []bool) (l route) {
	if t := &g.tables[from]; chord.Owns(t.Pred.ID, key, t.Self.ID) {
		return route{owner: from}
	}
	var silent []chord.Peer
	avoid := func(p chord.Peer) bool { return slices.Contains(silent, p) }
	var room [1]chord.Hop
	for at := from; ; {
		t := &g.tables[at]
		hops, final := t.routes.Next(room[:0], &key, avoid)
		if len(hops) == 0 {
			l.owner = -1
			return l
		}
		next := g.place[hops[0].Peer.ID]
		switch {
		case dead != nil && dead[next]:
			silent = append(silent, hops[0].Peer)
			if final {
				l.last++
			} else {
				l.timeouts++
			}
		case final:
			l.owner = next
			return l
		default:
			at = next
			l.hops++
		}
	}
}
