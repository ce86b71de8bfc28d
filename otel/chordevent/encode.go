package chordevent

import (
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"

	"chordconductor/node/chord"
)

const maxDigits = chord.MaxBits / 4

// Encode returns the log record of an event. The trace context is not in it: the logger takes that
// from the context of Emit. The record's timestamp and its observed timestamp are both the event's
// time, so that no clock is read.
func Encode(ev Event) log.Record {
	var r log.Record
	r.SetEventName(string(ev.Body.Kind()))
	r.SetTimestamp(ev.Time)
	r.SetObservedTimestamp(ev.Time)
	if isFailure(ev.Body) {
		r.SetSeverity(log.SeverityWarn)
		r.SetSeverityText("WARN")
	} else {
		r.SetSeverity(log.SeverityInfo)
		r.SetSeverityText("INFO")
	}

	e := encoder{digits: ev.Node.Digits}
	if e.digits <= 0 || e.digits > maxDigits {
		e.digits = maxDigits
	}
	if _, ofHost := ev.Body.(HostState); !ofHost {
		e.id(NodeIDKey, ev.Node.ID)
		e.int(NodeIncarnationKey, ev.Node.Incarnation)
		e.int(EventSeqKey, ev.Node.Seq)
	}
	e.text(HostIDKey, ev.Host.ID)
	e.text(HostAddressKey, ev.Host.Address)
	e.body(ev.Body)
	r.AddAttributes(e.attrs[:e.n]...)
	return r
}

func isFailure(b Body) bool {
	switch b := b.(type) {
	case PeerFailed:
		return true
	case KeysMoved:
		return b.Phase == MoveFailed
	case HostState:
		return b.ClockBeyond > 0
	}
	return false
}

type encoder struct {
	attrs  [numFields]attribute.KeyValue // an array, so that it stays on the stack
	n      int
	digits int
}

func (e *encoder) body(b Body) {
	switch b := b.(type) {
	case Started:
		e.started(b)
	case Joined:
		e.peer(b.Through)
	case SuccessorsChanged:
		e.successors(b.Successors)
	case PredecessorChanged:
		e.predecessor(b.Predecessor)
	case OwnershipChanged:
		e.ownership(b.Ownership)
	case FingersChanged:
		e.fingers(b.Runs)
	case PeerFailed:
		e.peer(b.Peer)
		e.text(OperationKey, b.Operation)
	case KeysMoved:
		e.move(b)
	case NodeLoad:
		e.load(b.Load)
	case Leaving:
		e.peer(b.Successor)
	case Left:
		e.peer(b.Successor)
	case State:
		e.started(b.Started)
		e.text(NodeStatusKey, string(b.Status))
		e.int(KeyframePeriodKey, int64(b.Period))
		e.successors(b.Successors)
		e.predecessor(b.Predecessor)
		e.ownership(b.Ownership)
		e.fingers(b.Fingers)
		e.load(b.Load)
		e.int(TelemetryLostKey, b.Lost)
	case HostState:
		e.host(b)
	}
}

func (e *encoder) host(b HostState) {
	e.int(HostIncarnationKey, b.Incarnation)
	e.int(HostSeqKey, b.Seq)
	e.text(HostStatusKey, string(b.Status))
	e.int(HostMembersKey, int64(b.Members))
	e.int(KeyframePeriodKey, int64(b.Period))
	e.int(ClockAheadKey, int64(b.ClockAhead))
	e.int(ClockOthersKey, int64(b.ClockOthers))
	e.int(ClockBeyondKey, int64(b.ClockBeyond))
	e.int(ProtocolVersionKey, int64(b.Protocol))
}

func (e *encoder) started(b Started) {
	e.text(NodeAddressKey, b.Address)
	e.int(RingBitsKey, int64(b.Bits))
	e.int(RingSuccessorsKey, int64(b.ListLen))
	e.int(RingReplicasKey, int64(b.Replicas))
	e.int(NodeVirtualIndexKey, int64(b.VirtualIndex))
}

func (e *encoder) peer(p PeerRef) {
	if p == (PeerRef{}) {
		e.text(PeerIDKey, "")
		return
	}
	e.id(PeerIDKey, p.ID)
	e.text(PeerAddressKey, p.Addr)
	e.int(PeerIncarnationKey, p.Incarnation)
	e.int(PeerSeqKey, p.Seq)
}

func (e *encoder) predecessor(p PeerRef) {
	if p == (PeerRef{}) {
		e.text(PredecessorIDKey, "")
		return
	}
	e.id(PredecessorIDKey, p.ID)
	e.text(PredecessorAddressKey, p.Addr)
	e.int(PredecessorIncarnationKey, p.Incarnation)
	e.int(PredecessorSeqKey, p.Seq)
}

func (e *encoder) successors(list []PeerRef) {
	a := arraysOf(len(list))
	defer a.free()
	for i := range list {
		a.put(i, &list[i], e.digits)
	}
	e.peers(a, SuccessorsIDsKey, SuccessorsAddressesKey, SuccessorsIncarnationsKey, SuccessorsSeqsKey)
}

func (e *encoder) ownership(o Ownership) {
	e.add(OwnershipOwnsKey, attribute.BoolValue(o.Owns))
	e.id(OwnershipFromKey, o.From)
	e.int(OwnershipEpochKey, o.Epoch)
}

func (e *encoder) fingers(runs []FingerRun) {
	a := arraysOf(len(runs))
	defer a.free()
	for i, run := range runs {
		a.first[i], a.last[i] = int64(run.First), int64(run.Last)
		a.put(i, &run.Peer, e.digits)
	}
	e.add(FingersFirstKey, attribute.Int64SliceValue(a.first))
	e.add(FingersLastKey, attribute.Int64SliceValue(a.last))
	e.peers(a, FingersIDsKey, FingersAddressesKey, FingersIncarnationsKey, FingersSeqsKey)
}

func (e *encoder) move(b KeysMoved) {
	direction := directionIn
	if b.Outgoing {
		direction = directionOut
	}
	e.text(MoveIDKey, b.MoveID)
	e.text(MovePhaseKey, string(b.Phase))
	e.text(MoveDirectionKey, direction)
	e.id(MoveFromKey, b.From)
	e.id(MoveToKey, b.To)
	e.int(MoveKeysKey, b.Keys)
	e.int(MoveBytesKey, b.Bytes)
	e.text(MoveReasonKey, string(b.Reason))
	e.peer(b.Peer)
}

func (e *encoder) load(l Load) {
	for i, count := range l.Counts() {
		e.int(loadCounts[i].key, *count)
	}
}

func (e *encoder) peers(a *arrays, ids, addresses, incarnations, seqs attribute.Key) {
	e.add(ids, attribute.StringSliceValue(a.texts(e.digits)))
	e.add(addresses, attribute.StringSliceValue(a.addresses))
	e.add(incarnations, attribute.Int64SliceValue(a.incarnations))
	e.add(seqs, attribute.Int64SliceValue(a.seqs))
}

func (e *encoder) id(k attribute.Key, id chord.ID) {
	var buf [maxDigits]byte
	e.add(k, attribute.StringValue(string(chord.AppendHex(buf[:0], id, e.digits))))
}

func (e *encoder) text(k attribute.Key, s string) { e.add(k, attribute.StringValue(valid(s))) }
func (e *encoder) int(k attribute.Key, n int64)   { e.add(k, attribute.Int64Value(n)) }
func (e *encoder) add(k attribute.Key, v attribute.Value) {
	e.attrs[e.n] = attribute.KeyValue{Key: k, Value: v}
	e.n++
}

// valid makes a string fit for protobuf, which refuses a whole batch for one byte that is not UTF-8.
func valid(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
