package lookups

import (
	"slices"
	"time"

	"go.opentelemetry.io/otel/trace"

	"chordconductor/otel/chordevent"
)

const (
	// Settle is how long a lookup whose own span has arrived waits for the spans of its hops: these come from other
	// processes, each with its own export interval. A lookup that is visibly complete does not wait.
	Settle = 500 * time.Millisecond
	// MaxAge is how long a trace is kept open after its first span. Hops that arrive within that time are added to a
	// lookup that was already returned, and the lookup is returned again. Later hops are ignored.
	MaxAge = 15 * time.Second
	// MaxTraces and MaxSpans bound the table of open traces, which then takes some 20 MB. At a bound the oldest trace
	// is closed.
	MaxTraces = 4096
	MaxSpans  = 1 << 16
	// maxTraceSpans bounds one trace; further spans are dropped.
	maxTraceSpans = 512
)

// An Assembler assembles lookups from spans. It is not safe for concurrent use.
type Assembler struct {
	open    map[trace.TraceID]*open
	order   []*open // by first span; closed ones are skipped
	spans   int     // of all open traces
	bytes   int64   // their memory
	most    int64   // bound of bytes; 0: only their numbers are bounded
	dropped uint64
	crowded uint64 // dropped traces that were closed for lack of memory
}

// An open trace collects spans.
type open struct {
	id      trace.TraceID
	since   time.Time
	spans   []Span
	lookups []*pending
	closed  bool
	changed bool // whether spans have arrived since the trace's lookups were last assembled
	bytes   int64
}

// A pending lookup is one whose own span has arrived.
type pending struct {
	root int       // index of the lookup's span
	due  time.Time // when to return the lookup; zero: nothing new since it was returned
}

// NewAssembler returns an empty Assembler that takes at most most bytes: beyond it the oldest trace is closed. 0: only
// numbers are bounded.
func NewAssembler(most int64) *Assembler {
	return &Assembler{open: map[trace.TraceID]*open{}, most: most}
}

// Add receives one span that arrived now. Spans of a trace may come in any order.
func (a *Assembler) Add(s Span, now time.Time) {
	t := a.open[s.Trace]
	if t == nil {
		if len(a.open) >= MaxTraces {
			a.closeOldest()
		}
		t = &open{id: s.Trace, since: now, bytes: openSize}
		a.open[s.Trace] = t
		a.bytes += openSize
		a.order = append(a.order, t)
	}
	if len(t.spans) >= maxTraceSpans {
		a.dropped++
		return
	}
	for i := range t.spans {
		if t.spans[i].ID == s.ID {
			return // a batch sent twice
		}
	}
	if a.spans >= MaxSpans {
		a.closeOldest()
		if t.closed {
			return // the trace itself was the oldest, and is closed
		}
	}
	size := spanSize(&s)
	for a.most > 0 && a.bytes+size > a.most && !t.closed {
		a.closeOldest()
		a.crowded++
	}
	if t.closed {
		return
	}
	t.spans = append(t.spans, s)
	t.changed = true
	a.spans++
	t.bytes += size
	a.bytes += size
	if s.Name == chordevent.SpanLookup {
		t.lookups = append(t.lookups, &pending{root: len(t.spans) - 1})
	}
	for _, p := range t.lookups {
		if p.due.IsZero() {
			p.due = now.Add(Settle)
		}
	}
}

// Advance returns the lookups that are ready, in the order of their start, and drops traces older than MaxAge. A lookup
// that was returned before is returned again, with the same Trace and Span, if more of its hops have arrived.
func (a *Assembler) Advance(now time.Time) []Lookup {
	var out []Lookup
	for _, t := range a.order {
		if t.closed {
			continue
		}
		expired := now.Sub(t.since) >= MaxAge
		ready := func(p *pending) bool { return !p.due.IsZero() && (t.changed || expired || !now.Before(p.due)) }
		if slices.ContainsFunc(t.lookups, ready) {
			tree := t.tree()
			for _, p := range t.lookups {
				if !ready(p) {
					continue
				}
				if l, complete := t.assemble(p, tree); complete || expired || !now.Before(p.due) {
					p.due = time.Time{}
					out = append(out, l)
				}
			}
		}
		t.changed = false
		if expired {
			if len(t.lookups) == 0 && t.hasHop() {
				a.dropped++ // the lookup's own span never arrived
			}
			a.close(t)
		}
	}
	a.order = slices.DeleteFunc(a.order, func(t *open) bool { return t.closed })
	slices.SortStableFunc(out, func(x, y Lookup) int { return x.Start.Compare(y.Start) })
	return out
}

// Open returns the number of traces that wait for more spans.
func (a *Assembler) Open() int { return len(a.open) }

// Bytes returns approximately the memory of the open traces.
func (a *Assembler) Bytes() int64 { return a.bytes }

// Crowded returns the number of traces closed for lack of memory.
func (a *Assembler) Crowded() uint64 { return a.crowded }

// Dropped returns the number of traces and spans that were dropped: at a bound, or because hops arrived without their
// lookup.
func (a *Assembler) Dropped() uint64 { return a.dropped }

// closeOldest closes the oldest trace.
func (a *Assembler) closeOldest() {
	for len(a.order) > 0 {
		t := a.order[0]
		a.order[0] = nil
		a.order = a.order[1:]
		if !t.closed {
			a.close(t)
			a.dropped++
			return
		}
	}
}

func (a *Assembler) close(t *open) {
	t.closed = true
	a.spans -= len(t.spans)
	a.bytes -= t.bytes
	delete(a.open, t.id)
}

func (t *open) hasHop() bool {
	return slices.ContainsFunc(t.spans, func(s Span) bool { return s.Name == chordevent.SpanLookupHop })
}
