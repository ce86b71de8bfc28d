package lookups

import (
	"cmp"
	"slices"
	"time"

	"chordconductor/otel/chordevent"
)

// assemble makes one lookup from the spans received. It is complete when its hops lead from the initiator to the owner
// without a gap, and its operation is known.
func (t *open) assemble(p *pending, tree *tree) (l Lookup, complete bool) {
	root := &t.spans[p.root]
	operation, sure := t.operation(root)
	whole := true // without a gap
	l = Lookup{
		Trace: root.Trace, Span: root.ID, Ring: root.Ring, Digits: root.Digits, Start: root.Start, Duration: max(root.End.Sub(root.Start), 0),
		Operation: operation, Mode: root.Mode, Key: root.Key, Err: root.Err,
	}
	l.Hops = []Hop{{ID: root.Node, Pointer: chordevent.PointerSelf}}
	last := &Span{Pointer: root.Pointer, Slot: root.Slot} // hop 0, whose only span is the lookup's
	met := 0                                              // timeouts that hops reported
	for _, s := range t.path(p, tree) {
		whole = whole && s.Index == last.Index+1
		l.Hops = append(l.Hops, Hop{
			ID: s.Node, Pointer: last.Pointer, Slot: last.Slot, Timeouts: last.Timeouts, At: s.Start.Sub(root.Start),
		})
		if hop := &l.Hops[len(l.Hops)-1]; hop.At < 0 || root.succeeded() && s.Start.After(root.End) {
			hop.Clock = clockOf(root, s)
			hop.At = -1
		}
		met += s.Timeouts
		last = s
	}
	if len(l.Hops) > 1 && last.Mode == chordevent.ModeRecursive {
		l.Hops[1].Timeouts = max(root.Timeouts-met, 0) // the rest were the initiator's own
	}
	if len(l.Hops) == 1 {
		for _, visited := range root.Path[min(1, len(root.Path)):] {
			l.Hops = append(l.Hops, Hop{ID: visited, At: -1})
		}
	}
	if end := l.Hops[len(l.Hops)-1].ID; root.HasOwner && end != root.Owner {
		whole = false
		l.Hops = append(l.Hops, Hop{ID: root.Owner, Pointer: last.Pointer, Slot: last.Slot, Timeouts: last.Timeouts, At: -1})
	}

	switch {
	case root.Outcome == chordevent.OutcomeFailed || root.Err != "":
		l.Outcome = Failed
		if l.Err == "" {
			l.Err = root.Outcome
		}
		whole = false // the hops that failed may still arrive
	case root.Timeouts > 0 || met > 0:
		l.Outcome = Timeouts
	default:
		l.Outcome = Success
	}
	l.Whole = whole
	return l, whole && sure
}

// clockOf returns by how much, at least, the clock of a hop's host is ahead of the initiator's clock, or behind it
// (negative): a hop begins no earlier than its lookup and, if the lookup succeeded, no later than the lookup's end.
func clockOf(root, hop *Span) time.Duration {
	if before := hop.Start.Sub(root.Start); before < 0 {
		return before
	}
	return max(hop.Start.Sub(root.End), 0)
}

func (s *Span) succeeded() bool {
	return s.HasOwner && s.Outcome != chordevent.OutcomeFailed && s.Err == ""
}

// path returns the hop spans of one lookup by index, up to the owner. A lookup that failed on its way is retried,
// member by member, so that several spans may have one index. If there are iterative hops, recursive ones are left out.
// Of the others, the hop on the path is the one that the previous hop chose, or a descendant of that hop, or else the
// latest. Only this last choice depends on clocks.
func (t *open) path(p *pending, tree *tree) []*Span {
	hops := tree.hops[p]
	if slices.ContainsFunc(hops, func(i int) bool { return t.spans[i].Mode == chordevent.ModeIterative }) {
		hops = slices.DeleteFunc(hops, func(i int) bool { return t.spans[i].Mode != chordevent.ModeIterative })
	}
	slices.SortStableFunc(hops, func(i, j int) int {
		x, y := &t.spans[i], &t.spans[j]
		return cmp.Or(cmp.Compare(x.Index, y.Index), y.Start.Compare(x.Start))
	})
	var out []*Span
	root := &t.spans[p.root]
	for last := p.root; len(hops) > 0; {
		same := 1
		for same < len(hops) && t.spans[hops[same]].Index == t.spans[hops[0]].Index {
			same++
		}
		next, before := hops[0], &t.spans[last]
		if i := slices.IndexFunc(hops[:same], func(i int) bool { return before.HasPeer && t.spans[i].Node == before.Peer }); i >= 0 {
			next = hops[i]
		} else if i := slices.IndexFunc(hops[:same], func(i int) bool { return tree.caller[i] == last }); i >= 0 {
			next = hops[i]
		}
		out, hops, last = append(out, &t.spans[next]), hops[same:], next
		if root.HasOwner && t.spans[next].Node == root.Owner {
			break
		}
	}
	return out
}

// operation returns the name of the operation that the lookup belongs to: that of an ancestor span, or the lookup
// itself. sure is false while an ancestor span, which ends later, has not arrived.
func (t *open) operation(root *Span) (name string, sure bool) {
	for i := range t.spans {
		if s := &t.spans[i]; s.ID == root.Parent && s.Name != "" {
			return s.Name[len("chord."):], true
		}
	}
	return root.Name[len("chord."):], !root.Parent.IsValid()
}
