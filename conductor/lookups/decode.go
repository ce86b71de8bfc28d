package lookups

import (
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/trace"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// What Decode accepts at most: beyond it an attribute is read as absent.
const (
	maxText  = 256
	maxPath  = 512
	maxCount = 1 << 20
)

// A Span is what Decode keeps of a member's span: a lookup, one of its hops, or an operation that may contain one.
type Span struct {
	Trace      trace.TraceID
	ID, Parent trace.SpanID
	Name       string // one of chordevent's span names
	Start, End time.Time
	Node       chord.ID
	Outcome    string
	Err        string // status message, if the status is an error

	// Of lookups and hops.
	Key      chord.ID
	Mode     string
	Index    int    // of a hop: the members visited before it, the initiator included
	Pointer  string // which pointer chose the next member; empty at the owner
	Slot     int
	Timeouts int
	Owner    chord.ID // of a lookup that succeeded
	HasOwner bool
	Path     []chord.ID // of a failed lookup that was not sampled
}

// Decode picks the spans out that can be part of a lookup's story. It copies what it keeps and never changes td.
func Decode(td ptrace.Traces) []Span {
	var out []Span
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				name, ours := names[s.Name()]
				if !ours {
					continue
				}
				if out == nil {
					out = make([]Span, 0, ss.Spans().Len())
				}
				out = append(out, decode(name, s))
			}
		}
	}
	return out
}

// names are the spans that Decode keeps, each with the operation it stands for. A lookup within any of these says so.
var names = func() map[string]string {
	m := map[string]string{}
	for _, name := range []string{
		chordevent.SpanLookup, chordevent.SpanLookupHop, chordevent.SpanGet, chordevent.SpanPut, chordevent.SpanDelete,
		chordevent.SpanJoin, chordevent.SpanLeave, chordevent.SpanStabilize, chordevent.SpanFixFingers, chordevent.SpanRepair,
	} {
		m[name] = name
	}
	return m
}()

func decode(name string, s ptrace.Span) Span {
	out := Span{
		Trace: trace.TraceID(s.TraceID()), ID: trace.SpanID(s.SpanID()), Parent: trace.SpanID(s.ParentSpanID()),
		Name: name, Start: s.StartTimestamp().AsTime(), End: s.EndTimestamp().AsTime(),
	}
	if s.Status().Code() == ptrace.StatusCodeError {
		out.Err = text(s.Status().Message())
		if out.Err == "" {
			out.Err = "failed"
		}
	}
	for key, v := range s.Attributes().All() {
		switch key {
		case string(chordevent.NodeIDKey):
			out.Node, _ = id(v)
		case string(chordevent.OutcomeKey):
			out.Outcome = text(v.Str())
		case string(chordevent.LookupKeyKey):
			out.Key, _ = id(v)
		case string(chordevent.LookupModeKey):
			out.Mode = text(v.Str())
		case string(chordevent.LookupHopKey):
			out.Index = count(v)
		case string(chordevent.LookupPointerKey):
			out.Pointer = text(v.Str())
		case string(chordevent.LookupSlotKey):
			out.Slot = count(v)
		case string(chordevent.LookupTimeoutsKey):
			out.Timeouts = count(v)
		case string(chordevent.LookupOwnerKey):
			out.Owner, out.HasOwner = id(v)
		case string(chordevent.LookupPathKey):
			out.Path = path(v)
		}
	}
	return out
}

func text(s string) string {
	if len(s) > maxText || !utf8.ValidString(s) {
		return ""
	}
	return s
}

// id reads an identifier as chord.ParseID does, without its copies: every span has two or three.
func id(v pcommon.Value) (out chord.ID, ok bool) {
	text := v.Str()
	if text == "" || len(text) > 2*len(out) {
		return chord.ID{}, false
	}
	for i := range len(text) {
		digit := text[len(text)-1-i]
		switch {
		case '0' <= digit && digit <= '9':
			digit -= '0'
		case 'a' <= digit && digit <= 'f':
			digit -= 'a' - 10
		case 'A' <= digit && digit <= 'F':
			digit -= 'A' - 10
		default:
			return chord.ID{}, false
		}
		out[len(out)-1-i/2] |= digit << (4 * (i % 2))
	}
	return out, true
}

func count(v pcommon.Value) int { return int(min(max(v.Int(), 0), maxCount)) }

func path(v pcommon.Value) []chord.ID {
	if v.Type() != pcommon.ValueTypeSlice || v.Slice().Len() > maxPath {
		return nil
	}
	var out []chord.ID
	for _, e := range v.Slice().All() {
		hop, ok := id(e)
		if !ok {
			return nil
		}
		out = append(out, hop)
	}
	return out
}
