package judge

import (
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"chordconductor/conductor/lab/result"
	"chordconductor/otel/chordevent"
)

// Time is added up by operation and by member. A move is one operation of two members; RPCs count within operations.
func TestWhereTheTimeWent(t *testing.T) {
	w, begin := NewWatch(), time.Unix(1790000000, 0)
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	add := func(name, member, side string, took time.Duration, code ptrace.StatusCode) {
		s := spans.AppendEmpty()
		s.SetName(name)
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(begin))
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(begin.Add(took)))
		s.Status().SetCode(code)
		s.Attributes().PutStr(string(chordevent.NodeIDKey), member)
		if side != "" {
			s.Attributes().PutStr(string(chordevent.MoveDirectionKey), side)
		}
	}
	add(chordevent.SpanKeysMove, "aa", "out", 3*time.Second, ptrace.StatusCodeUnset)
	add(chordevent.SpanKeysMove, "bb", "in", 2*time.Second, ptrace.StatusCodeUnset)
	add(chordevent.SpanLookup, "bb", "", 500*time.Millisecond, ptrace.StatusCodeError)
	add("chord.v1.Keys/Move", "aa", "", time.Second, ptrace.StatusCodeUnset)
	w.Spans(td)
	got, want := w.Operations(), []result.OperationTime{
		{Operation: chordevent.SpanKeysMove, Count: 1, Total: 3 * time.Second, Max: 3 * time.Second},
		{Operation: chordevent.SpanLookup, Count: 1, Total: 500 * time.Millisecond, Max: 500 * time.Millisecond, Failed: 1},
		{Member: "aa", Count: 1, Total: 3 * time.Second, Max: 3 * time.Second},
		{Member: "bb", Count: 2, Total: 2500 * time.Millisecond, Max: 2 * time.Second, Failed: 1},
	}
	if len(got) != len(want) {
		t.Fatalf("%+v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%+v, want %+v", got[i], want[i])
		}
	}
}
