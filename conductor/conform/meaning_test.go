package conform

import (
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"

	"chordconductor/otel/chordevent"
)

// text reads an attribute, and slice a list. For an absent attribute they return an empty value.
func text(attrs pcommon.Map, key attribute.Key) string {
	v, _ := attrs.Get(string(key))
	return v.Str()
}

func slice(attrs pcommon.Map, key attribute.Key) pcommon.Slice {
	if v, ok := attrs.Get(string(key)); ok && v.Type() == pcommon.ValueTypeSlice {
		return v.Slice()
	}
	return pcommon.NewSlice()
}

// add adds to a number if it is there.
func add(attrs pcommon.Map, key attribute.Key, n int64) {
	if v, ok := attrs.Get(string(key)); ok {
		v.SetInt(v.Int() + n)
	}
}

// only changes the events of one kind; "" means all events of members.
func only(kind chordevent.Kind, do func(rec plog.LogRecord) bool) change {
	return change{log: func(rec plog.LogRecord) bool {
		if rec.EventName() == string(kind) || kind == "" && rec.EventName() != string(chordevent.KindHostState) {
			return do(rec)
		}
		return true
	}}
}

func spansOf(name string, do func(s ptrace.Span) bool) change {
	return change{span: func(s ptrace.Span) bool {
		if s.Name() == name {
			return do(s)
		}
		return true
	}}
}

// once applies do to the nth record only.
func once(n int, do func(rec plog.LogRecord)) func(plog.LogRecord) bool {
	return func(rec plog.LogRecord) bool {
		if n--; n == 0 {
			do(rec)
		}
		return true
	}
}

// The tests below verify recordings that follow the vocabulary but have wrong content: the level concerned fails, and
// names the fault.

// A wrong is a change of the content of a recording that conforms.
type wrong struct {
	name  string
	do    change
	names []string // one of them is named
}

// A firstMember is the member that emitted the first record passed to it.
type firstMember struct {
	id   string
	from time.Time
}

// of reports whether the member emitted a record.
func (m *firstMember) of(rec plog.LogRecord) bool {
	id := text(rec.Attributes(), chordevent.NodeIDKey)
	if m.id == "" {
		m.id = id
	}
	return id == m.id
}

// since returns the time since the first record.
func (m *firstMember) since(rec plog.LogRecord) time.Duration {
	at := rec.Timestamp().AsTime()
	if m.from.IsZero() {
		m.from = at
	}
	return at.Sub(m.from)
}

// expectFaults runs one test for each wrong content.
func expectFaults(t *testing.T, level Level, list []wrong) {
	t.Helper()
	for _, test := range list {
		t.Run(test.name, func(t *testing.T) {
			r := test.do.verify(t)
			l := r.at(level)
			if r.Passed || !slices.ContainsFunc(test.names, l.names) {
				t.Errorf("%s %s: missing %v, wrong %v", level, l.Verdict, l.Missing, l.Wrong)
			}
			for _, f := range slices.Concat(l.Missing, l.Wrong) {
				if strings.Contains(f.What, "%!") || strings.Contains(f.Example, "%!") {
					t.Errorf("badly formatted: %+v", f)
				}
			}
		})
	}
}

func TestMeaningsOfResources(t *testing.T) {
	var one firstMember
	expectFaults(t, Accepted, []wrong{
		{"no ring name", change{resource: func(r pcommon.Resource) { r.Attributes().Remove("chord.ring.name") }}, []string{"chord.ring.name"}},
		{"no instance", change{resource: func(r pcommon.Resource) { r.Attributes().Remove("service.instance.id") }}, []string{"service.instance.id"}},
		{"another circle", only(chordevent.KindState, func(rec plog.LogRecord) bool {
			if one.of(rec) {
				rec.Attributes().PutInt(string(chordevent.RingSuccessorsKey), 7)
			}
			return true
		}), []string{"chord.ring.successors"}},
	})
}

func TestMeaningsOfMembership(t *testing.T) {
	seq, inc := chordevent.EventSeqKey, chordevent.NodeIncarnationKey
	var one, two, three firstMember
	expectFaults(t, Membership, []wrong{
		{"no keyframes", only(chordevent.KindState, func(rec plog.LogRecord) bool { return !one.of(rec) }), []string{"chord.node.state"}},
		{"a number left out", only("", once(50, func(rec plog.LogRecord) { add(rec.Attributes(), seq, 1000) })), []string{"chord.event.seq"}},
		{"a number twice", only("", once(50, func(rec plog.LogRecord) { add(rec.Attributes(), seq, -1) })), []string{"chord.event.seq"}},
		{"all numbers 1", only("", func(rec plog.LogRecord) bool { rec.Attributes().PutInt(string(seq), 1); return true }), []string{"chord.event.seq"}},
		{"an incarnation that falls", only("", func(rec plog.LogRecord) bool {
			if two.of(rec) && two.since(rec) > 50*time.Second {
				add(rec.Attributes(), inc, -1000)
			}
			return true
		}), []string{"chord.node.incarnation"}},
		{"a period that is not kept", only(chordevent.KindState, func(rec plog.LogRecord) bool {
			rec.Attributes().PutInt(string(chordevent.KeyframePeriodKey), int64(time.Second))
			return true
		}), []string{"chord.keyframe.period"}},
		{"no period", only(chordevent.KindState, func(rec plog.LogRecord) bool {
			rec.Attributes().PutInt(string(chordevent.KeyframePeriodKey), 0)
			return true
		}), []string{"chord.keyframe.period"}},
		{"silence", only("", func(rec plog.LogRecord) bool { return !three.of(rec) || three.since(rec) < 60*time.Second }), []string{"no keyframe for three periods"}},
		{"milliseconds", only("", func(rec plog.LogRecord) bool { rec.SetTimestamp(rec.Timestamp() / 1e6); return true }), []string{"timestamp"}},
		{"no host address", only("", func(rec plog.LogRecord) bool {
			rec.Attributes().PutStr(string(chordevent.HostAddressKey), "")
			return true
		}), []string{"chord.host.address"}},
		{"no address", only(chordevent.KindState, func(rec plog.LogRecord) bool {
			rec.Attributes().PutStr(string(chordevent.NodeAddressKey), "")
			return true
		}), []string{"chord.node.address"}},
	})
}

func TestMeaningsOfPointers(t *testing.T) {
	expectFaults(t, Pointers, []wrong{
		{"wrong successors", change{log: func(rec plog.LogRecord) bool { rotate(rec, "chord.successors."); return true }}, []string{"every successor list"}},
		{"no predecessors", change{log: func(rec plog.LogRecord) bool {
			if rec.EventName() == string(chordevent.KindPredecessor) || rec.EventName() == string(chordevent.KindState) {
				rec.Attributes().PutStr(string(chordevent.PredecessorIDKey), "")
			}
			return true
		}}, []string{"predecessor"}},
		{"no incarnations in lists", change{log: func(rec plog.LogRecord) bool {
			for _, v := range slice(rec.Attributes(), chordevent.SuccessorsIncarnationsKey).All() {
				v.SetInt(0)
			}
			return true
		}}, []string{"chord.successors.incarnations"}},
		{"incarnations that never were", change{log: func(rec plog.LogRecord) bool {
			for _, v := range slice(rec.Attributes(), chordevent.SuccessorsIncarnationsKey).All() {
				v.SetInt(v.Int() + 1)
			}
			return true
		}}, []string{"incarnation without received events"}},
		{"fingers that begin elsewhere", change{log: func(rec plog.LogRecord) bool {
			firsts, lasts := slice(rec.Attributes(), chordevent.FingersFirstKey), slice(rec.Attributes(), chordevent.FingersLastKey)
			for i := range lasts.Len() - 1 { // slot i begins at id + 2^(i+1)
				if lasts.At(i).Int() > firsts.At(i).Int() {
					lasts.At(i).SetInt(lasts.At(i).Int() - 1)
					firsts.At(i + 1).SetInt(firsts.At(i+1).Int() - 1)
				}
			}
			return true
		}}, []string{"chord.fingers.ids"}},
	})
}

func TestMeaningsOfKeys(t *testing.T) {
	expectFaults(t, Keys, []wrong{
		{"loads without replicas", change{log: func(rec plog.LogRecord) bool {
			rec.Attributes().Remove(string(chordevent.LoadKnownHostsKey))
			return true
		}}, []string{"chord.load.known_hosts"}},
		{"ranges from elsewhere", change{log: func(rec plog.LogRecord) bool {
			if _, ok := rec.Attributes().Get(string(chordevent.OwnershipFromKey)); ok {
				rec.Attributes().PutStr(string(chordevent.OwnershipFromKey), "0001")
			}
			return true
		}}, []string{"chord.ownership.from"}},
		{"no owners", change{log: func(rec plog.LogRecord) bool {
			if _, ok := rec.Attributes().Get(string(chordevent.OwnershipOwnsKey)); ok {
				rec.Attributes().PutBool(string(chordevent.OwnershipOwnsKey), false)
			}
			return true
		}}, []string{"chord.ownership.owns"}},
		{"moves that never started", only(chordevent.KindKeysMoved, func(rec plog.LogRecord) bool {
			return text(rec.Attributes(), chordevent.MovePhaseKey) != "started"
		}), []string{"chord.keys.moved with the phase started"}},
		{"moves that never end", only(chordevent.KindKeysMoved, func(rec plog.LogRecord) bool {
			return text(rec.Attributes(), chordevent.MovePhaseKey) == "started"
		}), []string{"chord.move.phase"}},
		{"moves of two ranges", only(chordevent.KindKeysMoved, func(rec plog.LogRecord) bool {
			if text(rec.Attributes(), chordevent.MoveDirectionKey) == "in" {
				rec.Attributes().PutStr(string(chordevent.MoveFromKey), "0001")
			}
			return true
		}), []string{"chord.move.from"}},
	})
}

func TestMeaningsOfLookups(t *testing.T) {
	expectFaults(t, Lookups, []wrong{
		{"no lookups, but hops", spansOf(chordevent.SpanLookup, func(ptrace.Span) bool { return false }), []string{"chord.lookup:"}},
		{"no hops, but lookups", spansOf(chordevent.SpanLookupHop, func(ptrace.Span) bool { return false }), []string{"chord.lookup.hop"}},
		{"another owner", spansOf(chordevent.SpanLookup, func(s ptrace.Span) bool {
			s.Attributes().PutStr(string(chordevent.LookupOwnerKey), "0001")
			return true
		}), []string{"owner"}},
		{"hops counted with the owner", spansOf(chordevent.SpanLookup, func(s ptrace.Span) bool {
			add(s.Attributes(), chordevent.LookupHopsKey, 1)
			return true
		}), []string{"chord.lookup.hops"}},
		{"hops numbered from 0", spansOf(chordevent.SpanLookupHop, func(s ptrace.Span) bool {
			add(s.Attributes(), chordevent.LookupHopKey, -1)
			return true
		}), []string{"chord.lookup.hop"}},
		{"distances the other way", spansOf(chordevent.SpanLookupHop, func(s ptrace.Span) bool {
			s.Attributes().PutStr(string(chordevent.LookupDistanceKey), "0001")
			return true
		}), []string{"chord.lookup.distance"}},
	})
}

func TestMeaningsOfTraces(t *testing.T) {
	expectFaults(t, Traces, []wrong{
		{"parents that never came", spansOf(chordevent.SpanLookup, func(s ptrace.Span) bool { s.SetParentSpanID(pcommon.SpanID{1}); return true }), []string{"parent"}},
		{"ends before starts", spansOf(chordevent.SpanGet, func(s ptrace.Span) bool { s.SetStartTimestamp(s.EndTimestamp() + 5); return true }), []string{"chord.get ends before"}},
		{"events without traces", change{log: func(rec plog.LogRecord) bool { rec.SetTraceID(pcommon.TraceID{}); return true }}, []string{"trace context"}},
	})
}

// rotate moves each list's entries on by one, so that every pointer names an existing member, but the wrong one.
func rotate(rec plog.LogRecord, prefix string) {
	for key, v := range rec.Attributes().All() {
		if !strings.HasPrefix(key, prefix) || v.Type() != pcommon.ValueTypeSlice || v.Slice().Len() < 2 {
			continue
		}
		n := v.Slice().Len()
		was := pcommon.NewSlice()
		v.Slice().CopyTo(was)
		for i := range n {
			was.At((i + 1) % n).CopyTo(v.Slice().At(i))
		}
	}
}
