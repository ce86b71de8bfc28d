package lookups

import (
	"cmp"
	"slices"
	"time"

	"go.opentelemetry.io/otel/trace"

	"chordconductor/otel/chordevent"
)

const (
	// Settle is how long a lookup whose own span has arrived waits for the spans of its hops: they come from other
	// processes, each with its own export interval. A lookup that is visibly complete does not wait.
	Settle = 500 * time.Millisecond
	// MaxAge is how long a trace is kept open after its first span. Hops that come within it are added to a lookup
	// already told, which is then told again. What has not come by then is not waited for.
	MaxAge = 15 * time.Second
	// MaxTraces bounds the table of open traces; at the bound the oldest gives way.
	MaxTraces = 4096
	// maxSpans bounds one trace; further spans are dropped.
	maxSpans = 512
)

// An Assembler puts the spans of lookups together. Not safe for concurrent use.
type Assembler struct {
	open    map[trace.TraceID]*open
	order   []*open // by first span; closed ones are skipped
	dropped uint64
}

// An open trace collects spans.
type open struct {
	id      trace.TraceID
	since   time.Time
	spans   []Span
	lookups []*pending
	closed  bool
}

// A pending lookup is one whose own span has arrived.
type pending struct {
	root int       // index of its span
	due  time.Time // when to tell it; zero: nothing new since it was told
}

// NewAssembler returns an empty one.
func NewAssembler() *Assembler { return &Assembler{open: map[trace.TraceID]*open{}} }

// Add takes one span that arrived now. Spans of a trace may come in any order.
func (a *Assembler) Add(s Span, now time.Time) {
	t := a.open[s.Trace]
	if t == nil {
		if len(a.open) >= MaxTraces {
			a.close(a.oldest())
			a.dropped++
		}
		t = &open{id: s.Trace, since: now}
		a.open[s.Trace] = t
		a.order = append(a.order, t)
	}
	if len(t.spans) >= maxSpans {
		a.dropped++
		return
	}
	for i := range t.spans {
		if t.spans[i].ID == s.ID {
			return // a batch sent twice
		}
	}
	t.spans = append(t.spans, s)
	if s.Name == chordevent.SpanLookup {
		t.lookups = append(t.lookups, &pending{root: len(t.spans) - 1})
	}
	for _, p := range t.lookups {
		if p.due.IsZero() {
			p.due = now.Add(Settle)
		}
	}
}

// Advance returns the lookups that are ready to be told, in the order of their start, and forgets traces past MaxAge.
// One told before comes again, under the same Trace and Span, if more of it has arrived.
func (a *Assembler) Advance(now time.Time) []Lookup {
	var out []Lookup
	for _, t := range a.order {
		if t.closed {
			continue
		}
		expired := now.Sub(t.since) >= MaxAge
		for _, p := range t.lookups {
			if p.due.IsZero() {
				continue
			}
			l, complete := t.assemble(p)
			if complete || expired || !now.Before(p.due) {
				p.due = time.Time{}
				out = append(out, l)
			}
		}
		if expired {
			if len(t.lookups) == 0 && t.hasHop() {
				a.dropped++ // the lookup's own span never came
			}
			a.close(t)
		}
	}
	a.order = slices.DeleteFunc(a.order, func(t *open) bool { return t.closed })
	slices.SortStableFunc(out, func(x, y Lookup) int { return x.Start.Compare(y.Start) })
	return out
}

// Open is the number of traces that wait for more spans.
func (a *Assembler) Open() int { return len(a.open) }

// Dropped counts traces and spans given up: beyond a bound, or hops without their lookup.
func (a *Assembler) Dropped() uint64 { return a.dropped }

func (a *Assembler) oldest() *open {
	for i, t := range a.order {
		if !t.closed {
			a.order = a.order[i:]
			return t
		}
	}
	return nil
}

func (a *Assembler) close(t *open) {
	if t != nil {
		t.closed = true
		delete(a.open, t.id)
	}
}

func (t *open) hasHop() bool {
	return slices.ContainsFunc(t.spans, func(s Span) bool { return s.Name == chordevent.SpanLookupHop })
}

// assemble puts one lookup together from what has come. It is complete when its hops lead from the initiator to the
// owner without a gap.
func (t *open) assemble(p *pending) (l Lookup, complete bool) {
	root := &t.spans[p.root]
	l = Lookup{
		Trace: root.Trace, Span: root.ID, Start: root.Start, Duration: max(root.End.Sub(root.Start), 0),
		Operation: t.operation(root), Mode: root.Mode, Key: root.Key, Err: root.Err,
	}
	l.Hops = []Hop{{ID: root.Node, Pointer: chordevent.PointerSelf}}
	timeouts := root.Timeouts > 0
	last := root
	complete = true
	for _, s := range t.hopsOf(p) {
		complete = complete && s.Index == last.Index+1
		l.Hops = append(l.Hops, Hop{
			ID: s.Node, Pointer: last.Pointer, Slot: last.Slot, Timeouts: last.Timeouts, At: max(s.Start.Sub(root.Start), 0),
		})
		timeouts = timeouts || s.Timeouts > 0
		last = s
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
	case root.Outcome == chordevent.OutcomeFailed || root.Outcome == chordevent.OutcomeTimeout || root.Err != "":
		l.Outcome = Failed
		if l.Err == "" {
			l.Err = root.Outcome
		}
		complete = false // the hops that failed may still come
	case timeouts:
		l.Outcome = Timeouts
	default:
		l.Outcome = Success
	}
	return l, complete
}

// hopsOf returns the hop spans of one lookup by index. Between a hop and its lookup stand spans of RPCs, which are not
// kept, so in a trace with several lookups (a get that tries again) a hop belongs to the last one that looked for its
// key and had started by then.
func (t *open) hopsOf(p *pending) []*Span {
	var out []*Span
	for i := range t.spans {
		s := &t.spans[i]
		if s.Name == chordevent.SpanLookupHop && t.lookupOf(s) == p {
			out = append(out, s)
		}
	}
	slices.SortStableFunc(out, func(x, y *Span) int {
		return cmp.Or(cmp.Compare(x.Index, y.Index), x.Start.Compare(y.Start))
	})
	return out
}

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

// operation names what the lookup was for: the operation span it hangs on, or itself.
func (t *open) operation(root *Span) string {
	name := root.Name
	for i := range t.spans {
		if t.spans[i].ID == root.Parent {
			name = t.spans[i].Name
		}
	}
	return name[len("chord."):]
}
