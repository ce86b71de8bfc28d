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

// text reads an attribute; slice a list. Absent ones are empty.
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

// only changes the events of one kind; "" is all of members.
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

// once does a thing to the nth record only.
func once(n int, do func(rec plog.LogRecord)) func(plog.LogRecord) bool {
	return func(rec plog.LogRecord) bool {
		if n--; n == 0 {
			do(rec)
		}
		return true
	}
}

// A recording that follows the vocabulary but has wrong content: the level concerned fails, and names the fault.
func TestMeanings(t *testing.T) {
	first := "" // the member of the first event
	of := func(rec plog.LogRecord) bool {
		id := text(rec.Attributes(), chordevent.NodeIDKey)
		if first == "" {
			first = id
		}
		return id == first
	}
	var from time.Time
	since := func(rec plog.LogRecord) time.Duration {
		at := rec.Timestamp().AsTime()
		if from.IsZero() {
			from = at
		}
		return at.Sub(from)
	}
	seq, inc := chordevent.EventSeqKey, chordevent.NodeIncarnationKey
	for _, test := range []struct {
		name  string
		do    change
		level Level
		names []string // one of them is named
	}{
		{"no ring name", change{resource: func(r pcommon.Resource) { r.Attributes().Remove("chord.ring.name") }}, Accepted, []string{"chord.ring.name"}},
		{"no instance", change{resource: func(r pcommon.Resource) { r.Attributes().Remove("service.instance.id") }}, Accepted, []string{"service.instance.id"}},
		{"another circle", only(chordevent.KindState, func(rec plog.LogRecord) bool {
			if of(rec) {
				rec.Attributes().PutInt(string(chordevent.RingSuccessorsKey), 7)
			}
			return true
		}), Accepted, []string{"chord.ring.successors"}},

		{"no keyframes", only(chordevent.KindState, func(rec plog.LogRecord) bool { return !of(rec) }), Membership, []string{"chord.node.state"}},
		{"a number left out", only("", once(50, func(rec plog.LogRecord) { add(rec.Attributes(), seq, 1000) })), Membership, []string{"chord.event.seq"}},
		{"a number twice", only("", once(50, func(rec plog.LogRecord) { add(rec.Attributes(), seq, -1) })), Membership, []string{"chord.event.seq"}},
		{"all numbers 1", only("", func(rec plog.LogRecord) bool { rec.Attributes().PutInt(string(seq), 1); return true }), Membership, []string{"chord.event.seq"}},
		{"an incarnation that falls", only("", func(rec plog.LogRecord) bool {
			if of(rec) && since(rec) > 50*time.Second {
				add(rec.Attributes(), inc, -1000)
			}
			return true
		}), Membership, []string{"chord.node.incarnation"}},
		{"a period that is not kept", only(chordevent.KindState, func(rec plog.LogRecord) bool {
			rec.Attributes().PutInt(string(chordevent.KeyframePeriodKey), int64(time.Second))
			return true
		}), Membership, []string{"chord.keyframe.period"}},
		{"no period", only(chordevent.KindState, func(rec plog.LogRecord) bool {
			rec.Attributes().PutInt(string(chordevent.KeyframePeriodKey), 0)
			return true
		}), Membership, []string{"chord.keyframe.period"}},
		{"silence", only("", func(rec plog.LogRecord) bool { return !of(rec) || since(rec) < 60*time.Second }), Membership, []string{"no keyframe for three periods"}},
		{"milliseconds", only("", func(rec plog.LogRecord) bool { rec.SetTimestamp(rec.Timestamp() / 1e6); return true }), Membership, []string{"timestamp"}},
		{"no host address", only("", func(rec plog.LogRecord) bool {
			rec.Attributes().PutStr(string(chordevent.HostAddressKey), "")
			return true
		}), Membership, []string{"chord.host.address"}},
		{"no address", only(chordevent.KindState, func(rec plog.LogRecord) bool {
			rec.Attributes().PutStr(string(chordevent.NodeAddressKey), "")
			return true
		}), Membership, []string{"chord.node.address"}},

		{"wrong successors", change{log: func(rec plog.LogRecord) bool { rotate(rec, "chord.successors."); return true }}, Pointers, []string{"every successor list"}},
		{"no predecessors", change{log: func(rec plog.LogRecord) bool {
			if rec.EventName() == string(chordevent.KindPredecessor) || rec.EventName() == string(chordevent.KindState) {
				rec.Attributes().PutStr(string(chordevent.PredecessorIDKey), "")
			}
			return true
		}}, Pointers, []string{"predecessor"}},
		{"no incarnations in lists", change{log: func(rec plog.LogRecord) bool {
			for _, v := range slice(rec.Attributes(), chordevent.SuccessorsIncarnationsKey).All() {
				v.SetInt(0)
			}
			return true
		}}, Pointers, []string{"chord.successors.incarnations"}},
		{"incarnations that never were", change{log: func(rec plog.LogRecord) bool {
			for _, v := range slice(rec.Attributes(), chordevent.SuccessorsIncarnationsKey).All() {
				v.SetInt(v.Int() + 1)
			}
			return true
		}}, Pointers, []string{"incarnation without received events"}},
		{"fingers that begin elsewhere", change{log: func(rec plog.LogRecord) bool {
			firsts, lasts := slice(rec.Attributes(), chordevent.FingersFirstKey), slice(rec.Attributes(), chordevent.FingersLastKey)
			for i := range lasts.Len() - 1 { // slot i begins at id + 2^(i+1)
				if lasts.At(i).Int() > firsts.At(i).Int() {
					lasts.At(i).SetInt(lasts.At(i).Int() - 1)
					firsts.At(i + 1).SetInt(firsts.At(i+1).Int() - 1)
				}
			}
			return true
		}}, Pointers, []string{"chord.fingers.ids"}},

		{"loads without replicas", change{log: func(rec plog.LogRecord) bool {
			rec.Attributes().Remove(string(chordevent.LoadKnownHostsKey))
			return true
		}}, Keys, []string{"chord.load.known_hosts"}},
		{"ranges from elsewhere", change{log: func(rec plog.LogRecord) bool {
			if _, ok := rec.Attributes().Get(string(chordevent.OwnershipFromKey)); ok {
				rec.Attributes().PutStr(string(chordevent.OwnershipFromKey), "0001")
			}
			return true
		}}, Keys, []string{"chord.ownership.from"}},
		{"no owners", change{log: func(rec plog.LogRecord) bool {
			if _, ok := rec.Attributes().Get(string(chordevent.OwnershipOwnsKey)); ok {
				rec.Attributes().PutBool(string(chordevent.OwnershipOwnsKey), false)
			}
			return true
		}}, Keys, []string{"chord.ownership.owns"}},
		{"moves that never started", only(chordevent.KindKeysMoved, func(rec plog.LogRecord) bool {
			return text(rec.Attributes(), chordevent.MovePhaseKey) != "started"
		}), Keys, []string{"chord.keys.moved started"}},
		{"moves that never end", only(chordevent.KindKeysMoved, func(rec plog.LogRecord) bool {
			return text(rec.Attributes(), chordevent.MovePhaseKey) == "started"
		}), Keys, []string{"chord.move.phase"}},
		{"moves of two ranges", only(chordevent.KindKeysMoved, func(rec plog.LogRecord) bool {
			if text(rec.Attributes(), chordevent.MoveDirectionKey) == "in" {
				rec.Attributes().PutStr(string(chordevent.MoveFromKey), "0001")
			}
			return true
		}), Keys, []string{"chord.move.from"}},

		{"no lookups, but hops", spansOf(chordevent.SpanLookup, func(ptrace.Span) bool { return false }), Lookups, []string{"chord.lookup:"}},
		{"no hops, but lookups", spansOf(chordevent.SpanLookupHop, func(ptrace.Span) bool { return false }), Lookups, []string{"chord.lookup.hop"}},
		{"another owner", spansOf(chordevent.SpanLookup, func(s ptrace.Span) bool {
			s.Attributes().PutStr(string(chordevent.LookupOwnerKey), "0001")
			return true
		}), Lookups, []string{"owner"}},
		{"hops counted with the owner", spansOf(chordevent.SpanLookup, func(s ptrace.Span) bool {
			add(s.Attributes(), chordevent.LookupHopsKey, 1)
			return true
		}), Lookups, []string{"chord.lookup.hops"}},
		{"hops numbered from 0", spansOf(chordevent.SpanLookupHop, func(s ptrace.Span) bool {
			add(s.Attributes(), chordevent.LookupHopKey, -1)
			return true
		}), Lookups, []string{"chord.lookup.hop"}},
		{"distances the other way", spansOf(chordevent.SpanLookupHop, func(s ptrace.Span) bool {
			s.Attributes().PutStr(string(chordevent.LookupDistanceKey), "0001")
			return true
		}), Lookups, []string{"chord.lookup.distance"}},

		{"parents that never came", spansOf(chordevent.SpanLookup, func(s ptrace.Span) bool { s.SetParentSpanID(pcommon.SpanID{1}); return true }), Traces, []string{"parent"}},
		{"ends before starts", spansOf(chordevent.SpanGet, func(s ptrace.Span) bool { s.SetStartTimestamp(s.EndTimestamp() + 5); return true }), Traces, []string{"chord.get ends before"}},
		{"events without traces", change{log: func(rec plog.LogRecord) bool { rec.SetTraceID(pcommon.TraceID{}); return true }}, Traces, []string{"trace context"}},
	} {
		first, from = "", time.Time{}
		r := test.do.verify(t)
		l := r.at(test.level)
		if r.Passed || !slices.ContainsFunc(test.names, l.names) {
			t.Errorf("%s: %s %s: missing %v, wrong %v", test.name, test.level, l.Verdict, l.Missing, l.Wrong)
		}
		for _, f := range slices.Concat(l.Missing, l.Wrong) {
			if strings.Contains(f.What, "%!") || strings.Contains(f.Example, "%!") {
				t.Errorf("%s: badly formatted: %+v", test.name, f)
			}
		}
	}
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
