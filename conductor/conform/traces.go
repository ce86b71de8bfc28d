package conform

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"chordconductor/conductor/lookups"
	"chordconductor/otel/chordevent"
)

const (
	maxSpans      = 1 << 18 // spans that are remembered to compare their children with them, some 30 MB; the spans of later traces are checked one by one
	maxTraceSpans = 200     // the most that a trace should have
)

// A traceVerifier remembers spans, to compare children with their parents.
type traceVerifier struct {
	by   map[lookupKey]spanRecord
	size map[trace.TraceID]int
	full bool

	had    map[string]map[string]bool // attributes seen, by span
	events int                        // with a trace context
}

type spanRecord struct {
	parent     trace.SpanID
	name       string
	host       string
	server     bool // the span's parent may be a caller that sends no telemetry
	start, end time.Time
}

func newTraceVerifier() traceVerifier {
	return traceVerifier{by: map[lookupKey]spanRecord{}, size: map[trace.TraceID]int{}, had: map[string]map[string]bool{}}
}

// span checks one span against the table of spans.
func (c *Verifier) span(source chordevent.Source, s ptrace.Span) {
	if strings.HasPrefix(s.Name(), "chord.") && !c.ours(source, fmt.Sprintf("a span %.64q", s.Name())) {
		return
	}
	sheet := c.sheets[Traces]
	values, ours := spanValues[s.Name()]
	switch {
	case ours:
		sheet.see("spans "+s.Name(), 1)
		c.sheets[Accepted].see("spans of the vocabulary", 1)
	case strings.HasPrefix(s.Name(), "chord.") && !strings.HasPrefix(s.Name(), "chord.v1."):
		sheet.note(fmt.Sprintf("span %.64q", s.Name()), "spans whose names begin with \"chord.\" and are not in the vocabulary")
	}
	if ours {
		at := s.EndTimestamp().AsTime()
		c.tick(at, fmt.Sprintf("span %s, which ends at %s", s.Name(), at.UTC().Format(time.RFC3339Nano)))
		c.attributes(s, values)
		c.lookupSpan(s)
	}
	c.remember(s)
}

// spanValues lists, for each span, the values that its enumerated attributes may have.
var spanValues = func() map[string]map[attribute.Key][]string {
	m := map[string]map[attribute.Key][]string{}
	for _, e := range chordevent.Vocabulary() {
		if e.Signal == chordevent.SignalSpans {
			m[e.Name] = e.Values
		}
	}
	return m
}()

// attributes checks the attributes of a span of the vocabulary, including those that the decoder of lookups does not
// read.
func (c *Verifier) attributes(s ptrace.Span, values map[attribute.Key][]string) {
	sheet := c.sheets[Traces]
	example := fmt.Sprintf("span %s of trace %s", s.SpanID(), s.TraceID())
	for _, key := range []attribute.Key{chordevent.NodeIDKey, chordevent.HostIDKey, chordevent.OutcomeKey} {
		if _, ok := s.Attributes().Get(string(key)); !ok {
			sheet.lacks(example, "span %s: attribute %s", s.Name(), key)
		}
	}
	known := attributesOf[s.Name()]
	had := c.traces.had[s.Name()]
	if had == nil {
		had = map[string]bool{}
		c.traces.had[s.Name()] = had
	}
	for name, v := range s.Attributes().All() {
		key := attribute.Key(name)
		want := chordevent.SpanAttributeType(key)
		if slices.Contains(known, name) {
			had[name] = true
		}
		switch {
		case !slices.Contains(known, name):
			if strings.HasPrefix(name, "chord.") {
				sheet.note("in span "+s.Name(), "attribute %.64q: not in the span's table", name)
			}
		case want != typeOf(v):
			sheet.errs(fmt.Sprintf("%s, %s", example, typeOf(v)), "span %s: attribute %s: expected %s", s.Name(), key, want)
		case values[key] != nil && !slices.Contains(values[key], v.Str()):
			sheet.errs(fmt.Sprintf("%s, %.40q", example, v.Str()), "span %s: attribute %s: expected one of %s", s.Name(), key, strings.Join(values[key], ", "))
		}
	}
}

// typeOf returns the type of a value, as the tables write it.
func typeOf(v pcommon.Value) string {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return "string"
	case pcommon.ValueTypeSlice:
		if v.Slice().Len() == 0 {
			return "string[]"
		}
		return typeOf(v.Slice().At(0)) + "[]"
	}
	return strings.ToLower(v.Type().String())
}

// lookupSpan checks the attributes of a lookup's span.
func (c *Verifier) lookupSpan(s ptrace.Span) {
	name := s.Name()
	if name != chordevent.SpanLookup && name != chordevent.SpanLookupHop {
		return
	}
	sheet, a := c.sheets[Lookups], s.Attributes()
	sheet.see("spans "+name, 1)
	example := fmt.Sprintf("span %s of trace %s", s.SpanID(), s.TraceID())
	text := func(key attribute.Key) string { v, _ := a.Get(string(key)); return v.Str() }
	need := []attribute.Key{chordevent.LookupKeyKey, chordevent.LookupModeKey, chordevent.OutcomeKey}
	if failed := text(chordevent.OutcomeKey) == chordevent.OutcomeFailed; !failed {
		need = append(need, chordevent.LookupPointerKey, chordevent.LookupDistanceKey, chordevent.LookupTimeoutsKey)
		if name == chordevent.SpanLookup {
			need = append(need, chordevent.LookupHopsKey, chordevent.LookupOwnerKey)
		}
		if text(chordevent.LookupPointerKey) != chordevent.PointerSelf {
			need = append(need, chordevent.LookupSlotKey, chordevent.PeerIDKey)
		}
	}
	for _, key := range need {
		if _, ok := a.Get(string(key)); !ok {
			sheet.lacks(example, "span %s: attribute %s", name, key)
		}
	}
	if hops, ok := a.Get(string(chordevent.LookupHopsKey)); ok && len(c.lookups.hops) < maxLookups {
		c.lookups.hops[lookupKey{trace.TraceID(s.TraceID()), trace.SpanID(s.SpanID())}] = hops.Int()
	}
	stated := text(chordevent.LookupDistanceKey)
	want, ok := distance(c.state.bits, text(chordevent.NodeIDKey), text(chordevent.LookupKeyKey))
	if ok && stated != "" && want != strings.ToLower(stated) {
		sheet.errs(fmt.Sprintf("%s: expected %s, got %.44q", example, want, stated), "span %s: attribute %s: not the distance from the member to the key, clockwise", name, chordevent.LookupDistanceKey)
	}
}

// remember stores what the span's children are compared with.
func (c *Verifier) remember(s ptrace.Span) {
	t := &c.traces
	key := lookupKey{trace.TraceID(s.TraceID()), trace.SpanID(s.SpanID())}
	if _, again := t.by[key]; again {
		return
	}
	if len(t.by) >= maxSpans {
		t.full = true
		return
	}
	host, _ := s.Attributes().Get(string(chordevent.HostIDKey))
	t.by[key] = spanRecord{
		trace.SpanID(s.ParentSpanID()), shorten(s.Name()), shorten(host.Str()), s.Kind() == ptrace.SpanKindServer, s.StartTimestamp().AsTime(), s.EndTimestamp().AsTime(),
	}
	t.size[key.trace]++
}

// shorten bounds the length of a text from outside.
func shorten(text string) string { return strings.Clone(text[:min(len(text), 64)]) }

// endTraces compares spans with their parents.
func (c *Verifier) endTraces() {
	s, t := c.sheets[Traces], &c.traces
	if len(s.seen) == 0 {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(t.had)) {
		for _, key := range attributesOf[name] {
			if !t.had[name][key] && key != string(chordevent.LookupPathKey) { // only a failed lookup has it
				s.note("", "span %s: attribute %s: no received span has it", name, key)
			}
		}
	}
	keys := slices.SortedFunc(maps.Keys(t.by), func(a, b lookupKey) int {
		return cmp.Or(slices.Compare(a.trace[:], b.trace[:]), slices.Compare(a.span[:], b.span[:]))
	})
	for _, key := range keys {
		x := t.by[key]
		if _, ours := spanValues[x.name]; !ours {
			continue
		}
		example := fmt.Sprintf("span %s of trace %s", key.span, key.trace)
		if x.end.Before(x.start) {
			s.errs(example, "span %s ends before it starts", x.name)
		}
		parent, found := t.by[lookupKey{key.trace, x.parent}]
		switch {
		case !x.parent.IsValid():
		case !found && !t.full && !x.server && c.now.Sub(x.end) > lookups.MaxAge:
			s.lacks(example, "the parent of span %s", x.name)
		case found && parent.host == x.host && x.start.After(parent.end):
			s.note(fmt.Sprintf("%s, a child of %q", example, parent.name), "span %s starts after its parent has ended", x.name)
		}
	}
	if t.full {
		s.note("", "more than %d spans: later ones are not compared with their parents", maxSpans)
	}
	for _, id := range slices.SortedFunc(maps.Keys(t.size), func(a, b trace.TraceID) int { return slices.Compare(a[:], b[:]) }) {
		if t.size[id] > maxTraceSpans {
			s.note(fmt.Sprintf("trace %s has %d", id, t.size[id]), "a trace of more than %d spans is hard to read", maxTraceSpans)
		}
	}
	if s.see("events with a trace context", t.events); t.events == 0 {
		s.lacks("", "a trace context on the events of an operation: without it no trace shows what the operation changed")
	}
}
