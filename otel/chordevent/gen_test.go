package chordevent

import (
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"
	"pgregory.net/rapid"

	"chordconductor/node/chord"
	"chordconductor/otel/internal/pdataconv"
)

// toLogs puts a record where an exporter would, with the trace context and resource of the event.
func toLogs(ev Event, rec log.Record) plog.Logs {
	logs := plog.NewLogs()
	rl := logs.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr(string(RingNameKey), ev.Ring)
	rl.Resource().Attributes().PutStr(string(ServiceInstanceIDKey), ev.Instance)
	lr := rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	lr.SetEventName(rec.EventName())
	lr.SetTimestamp(pcommon.NewTimestampFromTime(rec.Timestamp()))
	lr.SetObservedTimestamp(pcommon.NewTimestampFromTime(rec.ObservedTimestamp()))
	lr.SetSeverityNumber(plog.SeverityNumber(rec.Severity()))
	lr.SetSeverityText(rec.SeverityText())
	lr.SetTraceID(pcommon.TraceID(ev.Trace))
	lr.SetSpanID(pcommon.SpanID(ev.Span))
	rec.WalkAttributes(func(kv attribute.KeyValue) bool {
		pdataconv.Put(lr.Attributes(), kv)
		return true
	})
	return logs
}

// overTheWire is what a receiver gets of logs.
func overTheWire(t interface{ Fatalf(string, ...any) }, logs plog.Logs) plog.Logs {
	data, err := (&plog.ProtoMarshaler{}).MarshalLogs(logs)
	if err != nil {
		t.Fatalf("marshal: %v", err)
	}
	got, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(data)
	if err != nil {
		t.Fatalf("unmarshal: %v", err)
	}
	return got
}

func only(logs plog.Logs) (Source, plog.LogRecord) {
	rl := logs.ResourceLogs().At(0)
	return SourceOf(rl.Resource()), rl.ScopeLogs().At(0).LogRecords().At(0)
}

type gen struct {
	*rapid.T
	space chord.Space
}

func (g gen) id(label string) chord.ID {
	return g.space.Hash(rapid.SliceOfN(rapid.Byte(), 0, 8).Draw(g.T, label))
}

func (g gen) text(label string) string {
	return rapid.OneOf(rapid.StringN(0, 40, MaxText), rapid.Just("10.0.0.1:7001"), rapid.Just(strings.Repeat("x", MaxText))).Draw(g.T, label)
}

func (g gen) count(label string) int64 { return rapid.Int64Min(0).Draw(g.T, label) }

func (g gen) peer(label string) PeerRef {
	switch rapid.IntRange(0, 3).Draw(g.T, label) {
	case 0:
		return PeerRef{}
	case 1:
		return PeerRef{Peer: chord.Peer{ID: g.id(label)}} // placeholder
	default:
		return PeerRef{Peer: chord.Peer{ID: g.id(label), Addr: g.text(label), Incarnation: g.count(label)}, Seq: g.count(label)}
	}
}

func (g gen) peers(most int) (list []PeerRef) {
	for range rapid.IntRange(0, most).Draw(g.T, "entries") {
		list = append(list, g.peer("entry"))
	}
	return list
}

func (g gen) runs() (runs []FingerRun) {
	for slot := rapid.IntRange(0, 9).Draw(g.T, "gap"); slot < g.space.Bits(); {
		last := min(slot+rapid.IntRange(0, 30).Draw(g.T, "run"), g.space.Bits()-1)
		runs = append(runs, FingerRun{First: slot, Last: last, Peer: g.peer("finger")})
		slot = last + 1 + rapid.IntRange(0, 9).Draw(g.T, "gap")
	}
	return runs
}

func (g gen) load() (l Load) {
	for i, count := range l.Counts() {
		*count = g.count(string(loadCounts[i].key))
	}
	return l
}

func (g gen) started() Started {
	return Started{
		Address:      g.text("address"),
		Bits:         g.space.Bits(),
		ListLen:      rapid.IntRange(1, MaxSuccessors).Draw(g.T, "r"),
		Replicas:     rapid.IntRange(1, MaxReplicas).Draw(g.T, "replicas"),
		VirtualIndex: rapid.IntRange(0, 1000).Draw(g.T, "virtual"),
	}
}

func (g gen) ownership() Ownership {
	return Ownership{Owns: rapid.Bool().Draw(g.T, "owns"), From: g.id("from"), Epoch: g.count("epoch")}
}

func (g gen) body() Body {
	switch kind := rapid.SampledFrom(layouts).Draw(g.T, "kind").Kind; kind {
	case KindStarted:
		return g.started()
	case KindJoined:
		return Joined{g.peer("through")}
	case KindSuccessors:
		return SuccessorsChanged{g.peers(20)}
	case KindPredecessor:
		return PredecessorChanged{g.peer("predecessor")}
	case KindOwnership:
		return OwnershipChanged{g.ownership()}
	case KindFingers:
		return FingersChanged{g.runs()}
	case KindPeerFailed:
		return PeerFailed{g.peer("failed"), g.text("operation")}
	case KindKeysMoved:
		return KeysMoved{
			MoveID:   g.text("move"),
			Phase:    rapid.SampledFrom([]MovePhase{MoveStarted, MoveDone, MoveFailed}).Draw(g.T, "phase"),
			Outgoing: rapid.Bool().Draw(g.T, "outgoing"),
			Peer:     g.peer("other side"),
			From:     g.id("from"), To: g.id("to"),
			Keys: g.count("keys"), Bytes: g.count("bytes"),
			Reason: rapid.SampledFrom([]MoveReason{MoveJoin, MoveLeave, MoveRepair}).Draw(g.T, "reason"),
		}
	case KindLoad:
		return NodeLoad{g.load()}
	case KindLeaving:
		return Leaving{g.peer("heir")}
	case KindLeft:
		return Left{g.peer("heir")}
	case KindState:
		return State{
			Started:     g.started(),
			Status:      rapid.SampledFrom([]Status{StatusJoining, StatusActive, StatusLeaving, StatusLeft}).Draw(g.T, "status"),
			Period:      time.Duration(g.count("period")),
			Successors:  g.peers(20),
			Predecessor: g.peer("predecessor"),
			Ownership:   g.ownership(),
			Fingers:     g.runs(),
			Load:        g.load(),
			Lost:        g.count("lost"),
		}
	case KindHostState:
		return HostState{
			Incarnation: g.count("host incarnation"), Seq: rapid.Int64Min(1).Draw(g.T, "host seq"),
			Status:  rapid.SampledFrom([]HostStatus{HostEmpty, HostJoining, HostActive, HostOff}).Draw(g.T, "host status"),
			Members: rapid.IntRange(0, 64).Draw(g.T, "members"), Period: time.Duration(g.count("period")),
			ClockAhead: time.Duration(rapid.Int64().Draw(g.T, "ahead")), ClockOthers: rapid.IntRange(0, 128).Draw(g.T, "others"),
			ClockBeyond: rapid.IntRange(0, 128).Draw(g.T, "beyond"), Protocol: rapid.IntRange(0, 9).Draw(g.T, "protocol"),
		}
	default:
		panic("no generator for " + kind)
	}
}

func drawEvent(t *rapid.T) Event {
	space, err := chord.NewSpace(rapid.IntRange(chord.MinBits, chord.MaxBits).Draw(t, "bits"))
	if err != nil {
		t.Fatal(err)
	}
	g := gen{t, space}
	ev := Event{
		Time:     time.Unix(0, rapid.Int64Min(1).Draw(t, "time")).UTC(),
		Ring:     g.text("ring"),
		Instance: g.text("instance"),
		Host:     Host{g.text("host"), g.text("host address")},
		Node:     Node{ID: g.id("node"), Digits: space.Digits(), Incarnation: g.count("incarnation"), Seq: rapid.Int64Min(1).Draw(t, "seq")},
		Body:     g.body(),
	}
	if _, ofHost := ev.Body.(HostState); ofHost {
		ev.Node = Node{}
	}
	if rapid.Bool().Draw(t, "traced") {
		copy(ev.Trace[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "trace"))
		copy(ev.Span[:], rapid.SliceOfN(rapid.Byte(), 8, 8).Draw(t, "span"))
	}
	return ev
}
