package lookups

import (
	"slices"

	"go.opentelemetry.io/otel/trace"

	"chordconductor/otel/chordevent"
)

// A tree holds which spans of one trace descend from which. It is made for all lookups of the trace together, in a time
// that does not depend on their depth: one trace may have hundreds of lookups, under hundreds of calls.
type tree struct {
	caller []int              // of each span the nearest ancestor that is not a mere call; -1: none has arrived
	hops   map[*pending][]int // the hop spans of each lookup
}

func (t *open) tree() *tree {
	index := make(map[trace.SpanID]int, len(t.spans))
	for i := range t.spans {
		index[t.spans[i].ID] = i
	}
	parent := make([]int, len(t.spans))
	for i := range t.spans {
		parent[i] = -1
		if j, ok := index[t.spans[i].Parent]; ok {
			parent[i] = j
		}
	}
	out := &tree{
		caller: nearest(parent, func(i int) bool { return t.spans[i].Name != "" }),
		hops:   make(map[*pending][]int, len(t.lookups)),
	}
	operation := nearest(parent, func(i int) bool { return t.spans[i].Name != "" && t.spans[i].Name != chordevent.SpanLookupHop })
	of := make(map[int]*pending, len(t.lookups))
	for _, p := range t.lookups {
		of[p.root] = p
	}
	for i := range t.spans {
		s := &t.spans[i]
		if s.Name != chordevent.SpanLookupHop || s.Index == 0 {
			continue
		}
		p := of[operation[i]]
		if operation[i] < 0 {
			p = t.likely(s)
		}
		if p != nil && t.spans[p.root].Ring == s.Ring {
			out.hops[p] = append(out.hops[p], i)
		}
	}
	return out
}

// nearest returns, for each span, the nearest ancestor for which is returns true, or -1. A span that is its own
// ancestor ends the search. Each span is visited once: the search takes over the result of a span that was visited
// before.
func nearest(parent []int, is func(int) bool) []int {
	const unknown, climbing = -2, -3
	out := slices.Repeat([]int{unknown}, len(parent))
	var way []int
	for i := range parent {
		if out[i] != unknown {
			continue
		}
		way = way[:0]
		found := -1
		for at := i; ; {
			way = append(way, at)
			out[at] = climbing
			up := parent[at]
			if up < 0 || out[up] == climbing && !is(up) {
				break
			}
			if is(up) {
				found = up
				break
			}
			if out[up] != unknown {
				found = out[up]
				break
			}
			at = up
		}
		for _, at := range way {
			out[at] = found
		}
	}
	return out
}

// likely returns the lookup of a hop if spans between the two have not arrived: the trace's only lookup, or of several
// (a get that retries) the last one with the hop's key that had started by then.
func (t *open) likely(hop *Span) *pending {
	if len(t.lookups) == 1 {
		return t.lookups[0]
	}
	var best *pending
	for _, p := range t.lookups {
		root := &t.spans[p.root]
		if root.Key != hop.Key || root.Start.After(hop.Start) {
			continue
		}
		if best == nil || root.Start.After(t.spans[best.root].Start) {
			best = p
		}
	}
	return best
}
