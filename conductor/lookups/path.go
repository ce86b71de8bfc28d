package lookups

import (
	"cmp"
	"slices"
	"time"

	"go.opentelemetry.io/otel/trace"

	"chordconductor/otel/chordevent"
)

// assemble makes one lookup of the spans received. It is complete when its hops lead from the initiator to the owner
// without a gap, and its operation is known.
func (t *open) assemble(p *pending) (l Lookup, complete bool) {
	root := &t.spans[p.root]
	operation, sure := t.operation(root)
	whole := true // without a gap
	l = Lookup{
		Trace: root.Trace, Span: root.ID, Ring: root.Ring, Digits: root.Digits, Start: root.Start, Duration: max(root.End.Sub(root.Start), 0),
		Operation: operation, Mode: root.Mode, Key: root.Key, Err: root.Err,
	}
	l.Hops = []Hop{{ID: root.Node, Pointer: chordevent.PointerSelf}}
	last := &Span{Pointer: root.Pointer, Slot: root.Slot} // hop 0, which has no span but the lookup's
	met := 0                                              // timeouts that hops reported
	for _, s := range t.hopsOf(p) {
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

// clockOf is by how much the clock of a hop's host is at least ahead of the initiator's, or behind it (negative): a hop
// begins no earlier than its lookup and, if that succeeded, no later than its end.
func clockOf(root, hop *Span) time.Duration {
	if before := hop.Start.Sub(root.Start); before < 0 {
		return before
	}
	return max(hop.Start.Sub(root.End), 0)
}

func (s *Span) succeeded() bool {
	return s.HasOwner && s.Outcome != chordevent.OutcomeFailed && s.Err == ""
}

// hopsOf returns the hop spans of one lookup by index, up to the owner. A lookup that failed on its way is retried,
// member by member, so that several spans may have one index: a recursive hop does not count if there are iterative
// ones; of the others it is the one that the previous hop chose, or a descendant of that hop, or else the latest. Only
// that last choice depends on clocks.
func (t *open) hopsOf(p *pending) []*Span {
	var hops []*Span
	iterative := false
	root := &t.spans[p.root]
	index := t.index()
	for i := range t.spans {
		s := &t.spans[i]
		if s.Name == chordevent.SpanLookupHop && s.Index > 0 && s.Ring == root.Ring && t.lookupOf(s, index) == p {
			hops = append(hops, s)
			iterative = iterative || s.Mode == chordevent.ModeIterative
		}
	}
	if iterative {
		hops = slices.DeleteFunc(hops, func(s *Span) bool { return s.Mode != chordevent.ModeIterative })
	}
	slices.SortStableFunc(hops, func(x, y *Span) int { return cmp.Or(cmp.Compare(x.Index, y.Index), y.Start.Compare(x.Start)) })
	var out []*Span
	for last := root; len(hops) > 0; {
		same := 1
		for same < len(hops) && hops[same].Index == hops[0].Index {
			same++
		}
		next := hops[0]
		if i := slices.IndexFunc(hops[:same], func(s *Span) bool { return last.HasPeer && s.Node == last.Peer }); i >= 0 {
			next = hops[i]
		} else if i := slices.IndexFunc(hops[:same], func(s *Span) bool { return index.descends(s, last) }); i >= 0 {
			next = hops[i]
		}
		out, hops, last = append(out, next), hops[same:], next
		if root.HasOwner && next.Node == root.Owner {
			break
		}
	}
	return out
}

// byID finds the spans of a trace.
type byID map[trace.SpanID]*Span

func (t *open) index() byID {
	m := make(byID, len(t.spans))
	for i := range t.spans {
		m[t.spans[i].ID] = &t.spans[i]
	}
	return m
}

// up climbs from a span to the first ancestor for which is holds, or to the end of the trace; spans that are their own
// ancestors end it, too.
func (m byID) up(s *Span, is func(*Span) bool) *Span {
	for range len(m) {
		if s = m[s.Parent]; s == nil {
			return nil
		}
		if is(s) {
			return s
		}
	}
	return nil
}

// descends reports whether a hop is a descendant of another, with only calls between them.
func (m byID) descends(s, from *Span) bool {
	return m.up(s, func(above *Span) bool { return above.Name != "" }) == from
}

// lookupOf finds the lookup that a hop belongs to: the ancestor of the hop, or none if that is another operation, as
// for the hops of a join. Where spans between the two have not arrived, it is the trace's only lookup, or of several (a
// get that retries) the last one with the hop's key that had started by then.
func (t *open) lookupOf(hop *Span, index byID) *pending {
	if root := index.up(hop, func(s *Span) bool { return s.Name != "" && s.Name != chordevent.SpanLookupHop }); root != nil {
		if root.Name != chordevent.SpanLookup {
			return nil
		}
		for _, p := range t.lookups {
			if &t.spans[p.root] == root {
				return p
			}
		}
	}
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

// operation is the name of the lookup's operation: that of an ancestor span, or the lookup itself. It is not sure while
// that span, which ends later, has not arrived.
func (t *open) operation(root *Span) (name string, sure bool) {
	for i := range t.spans {
		if s := &t.spans[i]; s.ID == root.Parent && s.Name != "" {
			return s.Name[len("chord."):], true
		}
	}
	return root.Name[len("chord."):], !root.Parent.IsValid()
}
