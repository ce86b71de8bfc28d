package member_test

import (
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"

	"chordconductor/node/member"
	"chordconductor/node/simenv"
	"chordconductor/otel/chordevent"
)

// A join, the claim of the range that it brings and the move of the keys are one trace: the move hangs on the join of
// its receiver, whoever sends.
func TestJoinAndKeyMoveAreOneTrace(t *testing.T) {
	w := newSimWorld(t, simenv.Config{Seed: 3})
	rec := &spanRecorder{}
	w.spans = rec
	f := newFleet(t, w, member.Config{Stabilize: 500 * time.Millisecond}, 10)
	f.ideal(30 * time.Second)
	f.rest(5 * time.Second)
	joins, recorded := map[trace.TraceID]*recordedSpan{}, map[trace.SpanID]bool{}
	for _, s := range rec.spans {
		recorded[s.sc.SpanID()] = true
		if s.name == chordevent.SpanJoin {
			joins[s.sc.TraceID()] = s
		}
	}
	moves := 0
	for _, s := range rec.spans {
		if s.parent.IsValid() && !recorded[s.parent.SpanID()] {
			t.Errorf("%s of %v hangs on a span that nobody has recorded", s.name, s.attrs[chordevent.NodeIDKey])
		}
		if s.name != chordevent.SpanKeysMove {
			continue
		}
		moves++
		join := joins[s.sc.TraceID()]
		if join == nil {
			t.Errorf("a move to %v is in no join's trace", s.attrs[chordevent.PeerIDKey])
		} else if join.attrs[chordevent.NodeIDKey] != s.attrs[chordevent.PeerIDKey] {
			t.Errorf("a move to %v is in the trace of the join of %v", s.attrs[chordevent.PeerIDKey], join.attrs[chordevent.NodeIDKey])
		}
	}
	if moves < 9 {
		t.Errorf("%d moves for 9 joins", moves)
	}
}
