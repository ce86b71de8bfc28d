package judge

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"chordconductor/conductor/lab/result"
	"chordconductor/node/chord"
	"chordconductor/node/wire"
	"chordconductor/otel/chordevent"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func id(n byte) chord.ID { return chord.ID{19: n} }

// event returns a member's event at that many seconds past noon.
func event(member byte, seq int64, at float64, body chordevent.Body) *chordevent.Event {
	return &chordevent.Event{
		Time: noon.Add(time.Duration(at * float64(time.Second))),
		Node: chordevent.Node{ID: id(member), Incarnation: 1, Seq: seq}, Body: body,
	}
}

func owns(from byte) chordevent.Body {
	return chordevent.OwnershipChanged{Ownership: chordevent.Ownership{Owns: true, From: id(from), Epoch: 1}}
}

func answer(key, owner byte) *wire.Lookup {
	k, o := id(key), id(owner)
	return &wire.Lookup{Key: k, Owner: chord.Peer{ID: o}}
}

func TestLookupsAreJudged(t *testing.T) {
	// Member 100 owns (50, 100] from 0 s on, and (80, 100] from 10 s on, when member 80 takes over (50, 80]. Of member
	// 30, which owns (20, 30] at first, no event is received between 5 s and 15 s. Of member 10 no event is received
	// after 5 s.
	history := []*chordevent.Event{
		event(100, 1, 0, owns(50)),
		event(80, 1, 10, owns(50)),
		event(100, 3, 10, owns(80)),
		event(100, 2, 5, owns(50)), // late, and nothing new
		event(90, 1, 0, chordevent.OwnershipChanged{}),
		event(90, 2, 20, chordevent.SuccessorsChanged{}),
		event(100, 4, 20, chordevent.SuccessorsChanged{}),
		event(30, 7, 0, owns(20)),
		event(30, 8, 5, chordevent.SuccessorsChanged{}),
		event(30, 10, 15, chordevent.SuccessorsChanged{}),
		event(30, 11, 16, owns(25)),
		event(30, 12, 20, chordevent.SuccessorsChanged{}),
		event(10, 1, 0, owns(5)),
		event(10, 2, 5, chordevent.SuccessorsChanged{}),
	}
	forth, mixed := make([]int, len(history)), rand.New(rand.NewPCG(1, 2)).Perm(len(history))
	for i := range forth {
		forth[i] = i
	}
	back := slices.Clone(forth)
	slices.Reverse(back)
	for _, test := range []struct {
		name       string
		key, owner byte
		from, to   float64
		want       result.LookupVerdict
	}{
		{"right", 60, 100, 2, 3, result.LookupVerdict{Judged: 1}},
		{"right at the edge", 100, 100, 2, 3, result.LookupVerdict{Judged: 1}},
		{"not in its range", 50, 100, 2, 3, result.LookupVerdict{Judged: 1, Wrong: 1}},
		{"right when it began", 60, 100, 9, 12, result.LookupVerdict{Judged: 1}},
		{"right when it ended", 60, 80, 9, 12, result.LookupVerdict{Judged: 1}},
		{"no more", 60, 100, 11, 12, result.LookupVerdict{Judged: 1, Wrong: 1}},
		{"not yet", 60, 80, 8, 9, result.LookupVerdict{Unjudged: 1}},
		{"within the clock's slack", 60, 100, 10.02, 10.03, result.LookupVerdict{Judged: 1}},
		{"one that owns nothing", 90, 90, 2, 3, result.LookupVerdict{Judged: 1, Wrong: 1}},
		{"an unknown member", 7, 7, 2, 3, result.LookupVerdict{Unjudged: 1}},
		{"wrong before the loss", 15, 30, 2, 3, result.LookupVerdict{Judged: 1, Wrong: 1}},
		{"right during the loss, as far as is known", 22, 30, 7, 8, result.LookupVerdict{Judged: 1}},
		{"not known during the loss", 15, 30, 7, 8, result.LookupVerdict{Unjudged: 1}},
		{"not known when it begins", 15, 30, 4, 6, result.LookupVerdict{Unjudged: 1}},
		{"not known before the range is reported again", 15, 30, 15.2, 15.4, result.LookupVerdict{Unjudged: 1}},
		{"wrong after the loss", 22, 30, 17, 18, result.LookupVerdict{Judged: 1, Wrong: 1}},
		{"not known after the last event", 50, 10, 6, 7, result.LookupVerdict{Unjudged: 1}},
	} {
		for _, order := range [][]int{forth, back, slices.Concat(back, forth), mixed} {
			w := NewWatch()
			w.Answered(answer(test.key, test.owner), event(0, 1, test.from, nil).Time, event(0, 1, test.to, nil).Time)
			for _, i := range order {
				w.Append(history[i], noon)
			}
			w.Judge(noon.Add(time.Duration((test.to + 2) * float64(time.Second))))
			if got := w.Lookups(); got != (result.LookupVerdict{}) {
				t.Errorf("%s: judged before the events can have come: %+v", test.name, got)
			}
			w.Judge(noon.Add(time.Minute))
			if got := w.Lookups(); got != test.want {
				t.Errorf("%s, events in order %v: %+v, want %+v", test.name, order, got, test.want)
			}
		}
	}
}

// A range that comes back, received before the events in between, is not taken for a repetition.
func TestRangeThatComesBack(t *testing.T) {
	wantVerdict(t, result.LookupVerdict{Judged: 1}, 11,
		event(100, 1, 0, owns(50)), event(100, 3, 10, owns(50)), event(100, 2, 5, owns(80)), event(100, 4, 20, chordevent.SuccessorsChanged{}))
}

// Events of an incarnation do not imply that the incarnation before has ended.
func TestAnswerOfAnIncarnationWithoutItsEnd(t *testing.T) {
	first := event(100, 1, 0, owns(80)) // that it owned more later, when it gave the answer, was lost
	second := []*chordevent.Event{event(100, 1, 10, chordevent.SuccessorsChanged{}), event(100, 2, 20, chordevent.SuccessorsChanged{})}
	for _, ev := range second {
		ev.Node.Incarnation = 2
	}
	wantVerdict(t, result.LookupVerdict{Unjudged: 1}, 6, append([]*chordevent.Event{first}, second...)...)
}

// wantVerdict compares the verdict on member 100's answer about key 60, given within a second after from, judged by
// some events.
func wantVerdict(t *testing.T, want result.LookupVerdict, from time.Duration, events ...*chordevent.Event) {
	t.Helper()
	w := NewWatch()
	w.Answered(answer(60, 100), noon.Add(from*time.Second), noon.Add((from+1)*time.Second))
	for _, ev := range events {
		w.Append(ev, noon)
	}
	w.Judge(noon.Add(time.Minute))
	if got := w.Lookups(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestWatchIsBounded(t *testing.T) {
	w := NewWatch()
	for i := range 3 * keptRanges {
		w.Append(event(1, int64(i+1), float64(i), owns(byte(i))), noon)
	}
	if n := len(w.members[id(1)].ranges); n != keptRanges {
		t.Errorf("%d ranges of one member are kept", n)
	}
	for range maxPending + 10 {
		w.Answered(answer(1, 1), noon, noon)
	}
	if len(w.pending) != maxPending || w.Lookups().Judged+w.Lookups().Unjudged != 10 {
		t.Errorf("%d answers wait, verdict %+v", len(w.pending), w.Lookups())
	}
}

func TestMovesAreSummed(t *testing.T) {
	w := NewWatch()
	move := func(reason chordevent.MoveReason, phase chordevent.MovePhase, outgoing bool) {
		w.Append(event(1, 1, 0, chordevent.KeysMoved{MoveID: "m", Reason: reason, Phase: phase, Outgoing: outgoing, Keys: 5, Bytes: 70}), noon)
	}
	move(chordevent.MoveJoin, chordevent.MoveStarted, true)
	move(chordevent.MoveJoin, chordevent.MoveDone, true)
	move(chordevent.MoveJoin, chordevent.MoveDone, false) // the receiver's report of the same
	move(chordevent.MoveLeave, chordevent.MoveFailed, true)
	want := result.Moves{Join: result.MoveSum{Moves: 1, Keys: 5, Bytes: 70}, Leave: result.MoveSum{Failed: 1}}
	if got := w.Moves(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestSpansAreSummed(t *testing.T) {
	w := NewWatch()
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	add := func(name, member string, millis int, failed bool) {
		s := spans.AppendEmpty()
		s.SetName(name)
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(noon))
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(noon.Add(time.Duration(millis) * time.Millisecond)))
		s.Attributes().PutStr(string(chordevent.NodeIDKey), member)
		if failed {
			s.Status().SetCode(ptrace.StatusCodeError)
		}
	}
	add("chord.put", "a", 10, false)
	add("chord.put", "b", 30, true)
	add("chord.get", "a", 5, false)
	add("chord.v1.Ring/Ping", "a", 99, false) // not an operation
	w.Spans(td)
	want := []result.OperationTime{
		{Operation: "chord.put", Count: 2, Failed: 1, Total: 40 * time.Millisecond, Max: 30 * time.Millisecond},
		{Operation: "chord.get", Count: 1, Total: 5 * time.Millisecond, Max: 5 * time.Millisecond},
		{Member: "b", Count: 1, Failed: 1, Total: 30 * time.Millisecond, Max: 30 * time.Millisecond},
		{Member: "a", Count: 2, Total: 15 * time.Millisecond, Max: 10 * time.Millisecond},
	}
	if got := w.Operations(); !slices.Equal(got, want) {
		t.Errorf("%+v\nwant %+v", got, want)
	}
}
