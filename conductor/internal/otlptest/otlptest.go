package otlptest

import (
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/attribute"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// Logs encodes events into one resource of one batch.
func Logs(events ...chordevent.Event) plog.Logs {
	logs := plog.NewLogs()
	rl := logs.ResourceLogs().AppendEmpty()
	if len(events) > 0 {
		rl.Resource().Attributes().PutStr(string(chordevent.RingNameKey), events[0].Ring)
		rl.Resource().Attributes().PutStr(string(chordevent.ServiceInstanceIDKey), events[0].Instance)
	}
	records := rl.ScopeLogs().AppendEmpty().LogRecords()
	for _, ev := range events {
		from := chordevent.Encode(ev)
		to := records.AppendEmpty()
		to.SetEventName(from.EventName())
		to.SetTimestamp(pcommon.NewTimestampFromTime(from.Timestamp()))
		to.SetTraceID(pcommon.TraceID(ev.Trace))
		to.SetSpanID(pcommon.SpanID(ev.Span))
		from.WalkAttributes(func(kv attribute.KeyValue) bool {
			put(to.Attributes().PutEmpty(string(kv.Key)), kv.Value)
			return true
		})
	}
	return logs
}

func put(dst pcommon.Value, v attribute.Value) {
	switch v.Type() {
	case attribute.BOOL:
		dst.SetBool(v.AsBool())
	case attribute.INT64:
		dst.SetInt(v.AsInt64())
	case attribute.STRING:
		dst.SetStr(v.AsString())
	case attribute.INT64SLICE:
		list := dst.SetEmptySlice()
		for _, n := range v.AsInt64Slice() {
			list.AppendEmpty().SetInt(n)
		}
	case attribute.STRINGSLICE:
		list := dst.SetEmptySlice()
		for _, s := range v.AsStringSlice() {
			list.AppendEmpty().SetStr(s)
		}
	default:
		panic(fmt.Sprintf("otlptest: no event has an attribute of type %v", v.Type()))
	}
}

// A Member makes the events of one ring member.
type Member struct {
	Peer chordevent.PeerRef
	Host chordevent.Host
	Ring string
	seq  int64
}

// NewMember returns member i of n, evenly spaced on a circle of 160 bits.
func NewMember(i, n int, incarnation int64) *Member {
	var id chord.ID
	step := ^uint64(0) / uint64(n)
	for b := range 8 {
		id[b] = byte(uint64(i) * step >> (8 * (7 - b)))
	}
	id[19] = 1
	address := fmt.Sprintf("127.0.0.1:%d", 10000+i)
	return &Member{
		Ring: "test", Host: chordevent.Host{ID: address, Address: address},
		Peer: chordevent.PeerRef{Peer: chord.Peer{ID: id, Addr: address, Incarnation: incarnation}},
	}
}

// Event makes the member's next event.
func (m *Member) Event(at time.Time, body chordevent.Body) chordevent.Event {
	m.seq++
	return chordevent.Event{
		Time: at, Ring: m.Ring, Instance: "process", // one process that has many hosts
		Host: m.Host,
		Node: chordevent.Node{ID: m.Peer.ID, Digits: 40, Incarnation: m.Peer.Incarnation, Seq: m.seq},
		Body: body,
	}
}

// Ring returns n members that form an ideal ring, each with its keyframe.
func Ring(n, listLen int, at time.Time) ([]*Member, []chordevent.Event) {
	members := make([]*Member, n)
	for i := range members {
		members[i] = NewMember(i, n, at.UnixNano())
	}
	events := make([]chordevent.Event, n)
	for i, m := range members {
		events[i] = m.Event(at, Keyframe(members, i, listLen))
	}
	return members, events
}

// Keyframe returns the whole state of member i in an ideal ring.
func Keyframe(members []*Member, i, listLen int) chordevent.State {
	n := len(members)
	s := chordevent.State{
		Started: chordevent.Started{Address: members[i].Peer.Addr, Bits: 160, ListLen: listLen, Replicas: 3},
		Status:  chordevent.StatusActive, Period: 10 * time.Second,
		Predecessor: members[(i+n-1)%n].Peer,
		Ownership:   chordevent.Ownership{Owns: true, From: members[(i+n-1)%n].Peer.ID, Epoch: 1},
		Fingers:     []chordevent.FingerRun{{First: 0, Last: 159, Peer: members[(i+1)%n].Peer}},
		Load:        chordevent.Load{OwnedKeys: 100, ReplicaKeys: 200, Bytes: 38400},
	}
	for k := 1; k <= listLen; k++ {
		s.Successors = append(s.Successors, members[(i+k)%n].Peer)
	}
	return s
}
