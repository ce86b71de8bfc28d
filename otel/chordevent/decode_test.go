package chordevent

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"chordconductor/node/chord"
)

func peerRef(addr string, n uint64) PeerRef {
	space, _ := chord.NewSpace(160)
	return PeerRef{Peer: chord.Peer{ID: space.Hash([]byte(addr)), Addr: addr, Incarnation: int64(n)}, Seq: int64(n)}
}

// sample is one event of a kind, with lists of the default length.
func sample(body Body) Event {
	space, _ := chord.NewSpace(160)
	return Event{
		Time: time.Unix(1_790_000_000, 5).UTC(), Ring: "demo", Instance: "b9a7",
		Host: Host{"host-3", "10.0.0.3:7001"},
		Node: Node{ID: space.Hash([]byte("me")), Digits: 40, Incarnation: 1_790_000_000_000_000_000, Seq: 17},
		Body: body,
	}
}

func sampleList() (list []PeerRef) {
	for i := range 8 {
		list = append(list, peerRef("10.0.0."+string(rune('a'+i))+":7001", uint64(i+1)))
	}
	return list
}

func sampleState() State {
	s := State{
		Started:    Started{"10.0.0.3:7001", 160, 8, 3, 0},
		Status:     StatusActive,
		Period:     10 * time.Second,
		Successors: sampleList(), Predecessor: peerRef("10.0.0.2:7001", 9),
		Ownership: Ownership{Owns: true, Epoch: 4},
	}
	for i, count := range s.Load.Counts() {
		*count = int64(i + 1)
	}
	for i := range 10 {
		s.Fingers = append(s.Fingers, FingerRun{First: 16 * i, Last: 16*i + 15, Peer: s.Successors[i%8]})
	}
	return s
}

func record(body Body) plog.LogRecord {
	ev := sample(body)
	_, rec := only(toLogs(ev, Encode(ev)))
	return rec
}

func TestDecodeRefuses(t *testing.T) {
	set := func(k string, v any) func(plog.LogRecord) {
		return func(r plog.LogRecord) {
			if err := r.Attributes().PutEmpty(k).FromRaw(v); err != nil {
				t.Fatal(err)
			}
		}
	}
	without := func(k string) func(plog.LogRecord) {
		return func(r plog.LogRecord) { r.Attributes().Remove(k) }
	}
	ints := func(n int) []any { return make([]any, n) }
	for _, c := range []struct {
		name  string
		body  Body
		spoil func(plog.LogRecord)
		attr  string
		why   Reason
	}{
		{"no such event", Left{}, func(r plog.LogRecord) { r.SetEventName("chord.node.teleported") }, "", ReasonUnknown},
		{"no node", Left{}, without("chord.node.id"), "chord.node.id", ReasonMissing},
		{"no seq", Left{}, without("chord.event.seq"), "chord.event.seq", ReasonMissing},
		{"seq from 1", Left{}, set("chord.event.seq", 0), "chord.event.seq", ReasonRange},
		{"negative incarnation", Left{}, set("chord.node.incarnation", -1), "chord.node.incarnation", ReasonRange},
		{"number as text", Left{}, set("chord.event.seq", "17"), "chord.event.seq", ReasonType},
		{"not hex", Left{}, set("chord.node.id", strings.Repeat("g", 40)), "chord.node.id", ReasonSyntax},
		{"empty own id", Left{}, set("chord.node.id", ""), "chord.node.id", ReasonSyntax},
		{"too many digits", Left{}, set("chord.node.id", strings.Repeat("0", 41)), "chord.node.id", ReasonSyntax},
		{"digits differ", Joined{peerRef("a:1", 1)}, set("chord.peer.id", "0a"), "chord.peer.id", ReasonSyntax},
		{"half a peer", Joined{peerRef("a:1", 1)}, without("chord.peer.seq"), "chord.peer.seq", ReasonMissing},
		{"not UTF-8", Left{}, set("chord.host.id", "\xff"), "chord.host.id", ReasonSyntax},
		{"long text", Left{}, set("chord.host.id", strings.Repeat("x", MaxText+1)), "chord.host.id", ReasonLength},
		{"twice", Left{}, func(r plog.LogRecord) {
			jsonWithDuplicate(t, r).CopyTo(r)
		}, "chord.node.id", ReasonDuplicate},
		{"no time", Left{}, func(r plog.LogRecord) { r.SetTimestamp(0); r.SetObservedTimestamp(0) }, "timestamp", ReasonRange},
		{"time too late", Left{}, func(r plog.LogRecord) { r.SetTimestamp(math.MaxUint64) }, "timestamp", ReasonRange},
		{"uneven lists", SuccessorsChanged{sampleList()}, set("chord.successors.seqs", []any{1}), "chord.successors.seqs", ReasonLength},
		{"list of wrong elements", SuccessorsChanged{sampleList()[:1]}, set("chord.successors.ids", []any{1}), "chord.successors.ids", ReasonType},
		{"negative seq in list", SuccessorsChanged{sampleList()[:1]}, set("chord.successors.seqs", []any{-1}), "chord.successors.seqs", ReasonRange},
		{"list too long", SuccessorsChanged{sampleList()}, set("chord.successors.ids", ints(MaxSuccessors+1)), "chord.successors.ids", ReasonLength},
		{"overlapping runs", FingersChanged{[]FingerRun{{First: 0, Last: 3}, {First: 3, Last: 4}}}, nil, "chord.fingers.first", ReasonRange},
		{"run backwards", FingersChanged{[]FingerRun{{First: 3, Last: 2}}}, nil, "chord.fingers.last", ReasonRange},
		{"slot too great", FingersChanged{[]FingerRun{{First: 3, Last: 160}}}, nil, "chord.fingers.last", ReasonRange},
		{"unknown phase", KeysMoved{Phase: "stuck", Reason: MoveJoin}, nil, "chord.move.phase", ReasonValue},
		{"unknown direction", KeysMoved{Phase: MoveDone, Reason: MoveJoin}, set("chord.move.direction", "up"), "chord.move.direction", ReasonValue},
		{"unknown status", State{Started: sampleState().Started, Status: "dozing"}, nil, "chord.node.status", ReasonValue},
		{"negative load", NodeLoad{Load{Bytes: -1}}, nil, "chord.load.bytes", ReasonRange},
		{"too few bits", Started{"a:1", 2, 8, 3, 0}, nil, "chord.ring.bits", ReasonRange},
		{"digits are not the circle's", Started{"a:1", 150, 8, 3, 0}, nil, "chord.node.id", ReasonRange},
		{"beyond the circle", Started{"a:1", 157, 8, 3, 0}, set("chord.node.id", strings.Repeat("f", 40)), "chord.node.id", ReasonRange},
		{"no list length", Started{"a:1", 160, 0, 3, 0}, nil, "chord.ring.successors", ReasonRange},
	} {
		t.Run(c.name, func(t *testing.T) {
			rec := record(c.body)
			if c.spoil != nil {
				c.spoil(rec)
			}
			_, _, err := Decode(Source{}, rec)
			var de *DecodeError
			if !errors.As(err, &de) {
				t.Fatalf("error %v, want %s of %q", err, c.why, c.attr)
			}
			if de.Attribute != c.attr || de.Reason != c.why || de.Event != rec.EventName() {
				t.Errorf("%v, want %s of %q", err, c.why, c.attr)
			}
		})
	}
}

// jsonWithDuplicate names the record's node a second time, which the map's own methods cannot do.
func jsonWithDuplicate(t *testing.T, r plog.LogRecord) plog.LogRecord {
	t.Helper()
	logs := plog.NewLogs()
	r.CopyTo(logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty())
	text, err := (&plog.JSONMarshaler{}).MarshalLogs(logs)
	if err != nil {
		t.Fatal(err)
	}
	again := strings.Replace(string(text), `"attributes":[`, `"attributes":[{"key":"chord.node.id","value":{"stringValue":"0a"}},`, 1)
	logs, err = (&plog.JSONUnmarshaler{}).UnmarshalLogs([]byte(again))
	if err != nil {
		t.Fatal(err)
	}
	return logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
}

func TestDecodeSkipsWhatItDoesNotKnow(t *testing.T) {
	want := sample(PeerFailed{peerRef("a:1", 1), SpanStabilize})
	src, rec := only(toLogs(want, Encode(want)))
	rec.Attributes().PutStr("deployment.zone", "b")
	rec.Attributes().PutInt("chord.load.bytes", -7) // of another event
	got, ignored, err := Decode(src, rec)
	if err != nil || ignored != 2 || got != want {
		t.Errorf("got %+v, %d ignored, error %v", got, ignored, err)
	}
}

// A Collector on the way may sort attributes.
func TestDecodeAnyOrder(t *testing.T) {
	want := sample(PeerFailed{peerRef("a:1", 1), SpanStabilize})
	src, rec := only(toLogs(want, Encode(want)))
	reversed := pcommon.NewMap()
	var keys []string
	for k := range rec.Attributes().All() {
		keys = append(keys, k)
	}
	for i := range keys {
		v, _ := rec.Attributes().Get(keys[len(keys)-1-i])
		v.CopyTo(reversed.PutEmpty(keys[len(keys)-1-i]))
	}
	reversed.CopyTo(rec.Attributes())
	got, ignored, err := Decode(src, rec)
	if err != nil || ignored != 0 || got != want {
		t.Errorf("got %+v, %d ignored, error %v", got, ignored, err)
	}
}

func TestIsEvent(t *testing.T) {
	for name, want := range map[string]bool{"": false, "chord": false, "chord.x": true, "http.request": false} {
		rec := plog.NewLogRecord()
		rec.SetEventName(name)
		if IsEvent(rec) != want {
			t.Errorf("IsEvent(%q) = %v", name, !want)
		}
	}
}

// TestMisnamedEvents: the error for a name of the vocabulary in other letters, or in the fields that held names of
// events earlier, names the right form. A record of another program whose name only begins like one of the vocabulary
// is not an event.
func TestMisnamedEvents(t *testing.T) {
	type record struct{ name, attribute, body string }
	for r, want := range map[record]DecodeError{
		{name: "Chord.Node.State"}:                 {"Chord.Node.State", "event_name", ReasonUnknown, "chord.node.state", "Chord.Node.State", false},
		{name: "chord.node.states"}:                {"chord.node.states", "", ReasonUnknown, "", "", false},
		{attribute: "chord.node.state"}:            {"chord.node.state", "event.name", ReasonUnknown, "the name in the record's field event_name", "it in this one", false},
		{attribute: "CHORD.x"}:                     {"CHORD.x", "event.name", ReasonUnknown, "the name in the record's field event_name", "it in this one", false},
		{body: "chord.node.state"}:                 {"chord.node.state", "body", ReasonUnknown, "the name in the record's field event_name", "it in this one", false},
		{body: "chord.node.state is what we emit"}: {},
		{body: "chord"}:                            {},
		{attribute: "http.request"}:                {},
		{name: "http.request", attribute: "chord.node.state", body: "chord.node.state"}: {},
		{}: {},
	} {
		rec := plog.NewLogRecord()
		rec.SetEventName(r.name)
		rec.Attributes().PutStr("event.name", r.attribute)
		rec.Body().SetStr(r.body)
		if is := want != (DecodeError{}); IsEvent(rec) != is {
			t.Errorf("IsEvent(%+v) = %v", r, !is)
		} else if !is {
			continue
		}
		var got *DecodeError
		if _, _, err := Decode(Source{}, rec); !errors.As(err, &got) || *got != want {
			t.Errorf("%+v: %v, want %v", r, err, &want)
		}
	}
}
