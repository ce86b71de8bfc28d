package lookups

import (
	"cmp"
	"slices"

	"chordconductor/otel/chordevent"
)

// assemble puts one lookup together from what has come. It is complete when its hops lead from the initiator to the
// owner without a gap, and what it was for is known.
func (t *open) assemble(p *pending) (l Lookup, complete bool) {
	root := &t.spans[p.root]
	operation, complete := t.operation(root)
	l = Lookup{
		Trace: root.Trace, Span: root.ID, Start: root.Start, Duration: max(root.End.Sub(root.Start), 0),
		Operation: operation, Mode: root.Mode, Key: root.Key, Err: root.Err,
	}
	l.Hops = []Hop{{ID: root.Node, Pointer: chordevent.PointerSelf}}
	last := &Span{Pointer: root.Pointer, Slot: root.Slot} // hop 0, which has no span but the lookup's
	met := 0                                              // timeouts that hops told of
	for _, s := range t.hopsOf(p) {
		complete = complete && s.Index == last.Index+1
		l.Hops = append(l.Hops, Hop{
			ID: s.Node, Pointer: last.Pointer, Slot: last.Slot, Timeouts: last.Timeouts, At: max(s.Start.Sub(root.Start), 0),
		})
		met += s.Timeouts
		last = s
	}
	if len(l.Hops) > 1 && last.Mode == chordevent.ModeRecursive {
		l.Hops[1].Timeouts = max(root.Timeouts-met, 0) // the rest the initiator met itself
	}
	if len(l.Hops) == 1 {
		for _, visited := range root.Path[min(1, len(root.Path)):] {
			l.Hops = append(l.Hops, Hop{ID: visited, At: -1})
		}
	}
	if end := l.Hops[len(l.Hops)-1].ID; root.HasOwner && end != root.Owner {
		complete = false
		l.Hops = append(l.Hops, Hop{ID: root.Owner, Pointer: last.Pointer, Slot: last.Slot, Timeouts: last.Timeouts, At: -1})
	}

	switch {
	case root.Outcome == chordevent.OutcomeFailed || root.Err != "":
		l.Outcome = Failed
		if l.Err == "" {
			l.Err = root.Outcome
		}
		complete = false // the hops that failed may still come
	case root.Timeouts > 0 || met > 0:
		l.Outcome = Timeouts
	default:
		l.Outcome = Success
	}
	return l, complete
}

// hopsOf returns the hop spans of one lookup by index, up to the owner. A lookup that got lost is tried again, member by
// member: of several spans with one index the latest belongs to the way that led to the end, and a recursive hop does
// not if there are iterative ones.
func (t *open) hopsOf(p *pending) []*Span {
	var hops []*Span
	iterative := false
	for i := range t.spans {
		s := &t.spans[i]
		if s.Name == chordevent.SpanLookupHop && s.Index > 0 && t.lookupOf(s) == p {
			hops = append(hops, s)
			iterative = iterative || s.Mode == chordevent.ModeIterative
		}
	}
	slices.SortStableFunc(hops, func(x, y *Span) int {
		return cmp.Or(cmp.Compare(x.Index, y.Index), y.Start.Compare(x.Start))
	})
	root := &t.spans[p.root]
	out := hops[:0]
	for _, s := range hops {
		if iterative && s.Mode != chordevent.ModeIterative || len(out) > 0 && out[len(out)-1].Index == s.Index {
			continue
		}
		out = append(out, s)
		if root.HasOwner && s.Node == root.Owner {
			break
		}
	}
	return out
}

// lookupOf finds the lookup that a hop belongs to. Between the two stand spans of RPCs, which are not kept, so in a trace
// with several lookups (a get that tries again) it is the last one that looked for the hop's key and had started by then.
func (t *open) lookupOf(hop *Span) *pending {
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

// operation names what the lookup was for: the operation span it hangs on, or itself. It is not sure while that span,
// which ends later, has not come.
func (t *open) operation(root *Span) (name string, sure bool) {
	for i := range t.spans {
		if t.spans[i].ID == root.Parent {
			return t.spans[i].Name[len("chord."):], true
		}
	}
	return root.Name[len("chord."):], !root.Parent.IsValid()
}
