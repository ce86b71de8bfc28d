package lookups

import (
	"math"
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// The bounds of what Decode accepts: it rejects a span beyond them as a whole.
const (
	maxText  = 256
	maxPath  = 512
	maxCount = 1 << 20
)

// A Span is the part of a member's span that Decode keeps: of a lookup, of a hop, or of an operation that may contain a
// lookup.
type Span struct {
	Trace      trace.TraceID
	ID, Parent trace.SpanID
	Name       string // one of chordevent's span names; empty: a call between members, which only connects spans
	Ring       string // of the process that sent the span
	Start, End time.Time
	Node       chord.ID
	Digits     int // hex digits of every identifier in the span
	Outcome    string
	Err        string // status message, if the status is an error

	// The fields from here on belong to lookups and hops.
	Key      chord.ID
	Mode     string
	Index    int      // of a hop: the members visited before it, the initiator included
	Pointer  string   // the pointer that led to the next member; empty: not given
	Peer     chord.ID // the next member
	HasPeer  bool
	Slot     int
	Timeouts int
	Owner    chord.ID // of a lookup that succeeded
	HasOwner bool
	Path     []chord.ID // of a failed lookup that was not sampled
}

// A Broken span has a name of the vocabulary and violates the vocabulary. It is not part of a lookup; it is forwarded
// nevertheless.
type Broken struct {
	From chordevent.Source
	Err  *chordevent.DecodeError
}

// Decode selects the spans that can be part of a lookup. It is as strict as the decoder of events: it rejects a span
// that lacks an identifier, or has a truncated one, since that could be read as another member's. It copies what it
// keeps and never changes td.
func Decode(td ptrace.Traces) (out []Span, broken []Broken) {
	for _, rs := range td.ResourceSpans().All() {
		source := chordevent.SourceOf(rs.Resource())
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				name, ours := names[s.Name()]
				if !ours {
					continue
				}
				span, err := decode(name, s)
				if err != nil {
					broken = append(broken, Broken{source, err})
					continue
				}
				if out == nil {
					out = make([]Span, 0, ss.Spans().Len())
				}
				span.Ring = source.Ring
				out = append(out, span)
			}
		}
	}
	return out, broken
}

// names has the spans that Decode keeps, each with its operation. A lookup within one of these spans belongs to that
// operation. The calls by which a lookup is passed from member to member have no operation: they link the lookup's
// hops.
var names = func() map[string]string {
	m := map[string]string{"chord.v1.Ring/Forward": "", "chord.v1.Ring/FindNext": ""}
	for _, name := range []string{
		chordevent.SpanLookup, chordevent.SpanLookupHop, chordevent.SpanGet, chordevent.SpanPut, chordevent.SpanDelete,
		chordevent.SpanJoin, chordevent.SpanLeave, chordevent.SpanStabilize, chordevent.SpanFixFingers, chordevent.SpanRepair,
		chordevent.SpanProbe, chordevent.SpanHint, chordevent.SpanMerge,
	} {
		m[name] = name
	}
	return m
}()

// Operations lists the values of Lookup.Operation.
func Operations() (operations []string) {
	for _, name := range names {
		if name != "" {
			operations = append(operations, name[len("chord."):])
		}
	}
	slices.Sort(operations)
	return operations
}

// allowedValues has the values that enumerated attributes of a span may have.
var allowedValues = func() map[string]map[attribute.Key][]string {
	m := map[string]map[attribute.Key][]string{}
	for _, e := range chordevent.Vocabulary() {
		if e.Signal == chordevent.SignalSpans {
			m[e.Name] = e.Values
		}
	}
	return m
}()

func decode(name string, s ptrace.Span) (Span, *chordevent.DecodeError) {
	out := Span{
		Trace: trace.TraceID(s.TraceID()), ID: trace.SpanID(s.SpanID()), Parent: trace.SpanID(s.ParentSpanID()),
		Name: name, Start: s.StartTimestamp().AsTime(), End: s.EndTimestamp().AsTime(),
	}
	if name == "" {
		return out, nil
	}
	if s.Status().Code() == ptrace.StatusCodeError {
		out.Err = text(s.Status().Message())
		if out.Err == "" {
			out.Err = "failed"
		}
	}
	r := reader{name: name}
	switch {
	case !out.Trace.IsValid():
		r.fail("trace_id", chordevent.ReasonMissing, "16 bytes, not all 0", nil)
	case !out.ID.IsValid():
		r.fail("span_id", chordevent.ReasonMissing, "8 bytes, not all 0", nil)
	case s.StartTimestamp() == 0 || s.StartTimestamp() > math.MaxInt64:
		r.fail("start_time", chordevent.ReasonRange, "nanoseconds since 1970, above 0", nil)
	case s.EndTimestamp() == 0 || s.EndTimestamp() > math.MaxInt64:
		r.fail("end_time", chordevent.ReasonRange, "nanoseconds since 1970, above 0", nil)
	}
	for key, v := range s.Attributes().All() {
		switch key := attribute.Key(key); key {
		case chordevent.NodeIDKey:
			out.Node = r.id(key, v)
		case chordevent.OutcomeKey:
			out.Outcome = r.value(key, v)
		case chordevent.LookupKeyKey:
			out.Key = r.id(key, v)
		case chordevent.LookupModeKey:
			out.Mode = r.value(key, v)
		case chordevent.LookupHopKey:
			out.Index = r.count(key, v)
		case chordevent.LookupPointerKey:
			out.Pointer = r.value(key, v)
		case chordevent.LookupSlotKey:
			out.Slot = r.count(key, v)
		case chordevent.LookupTimeoutsKey:
			out.Timeouts = r.count(key, v)
		case chordevent.LookupOwnerKey:
			out.Owner, out.HasOwner = r.id(key, v), true
		case chordevent.PeerIDKey:
			out.Peer, out.HasPeer = r.id(key, v), true
		case chordevent.LookupPathKey:
			out.Path = r.path(key, v)
		}
	}
	r.need(name, s.Attributes())
	out.Digits = r.digits
	return out, r.err
}
