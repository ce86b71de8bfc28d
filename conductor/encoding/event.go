package encoding

import (
	"errors"
	"fmt"
	"time"

	"chordconductor/otel/chordevent"
)

// Numbers of the kinds of events. They are stored: never reuse a number.
const (
	started = iota + 1
	joined
	successors
	predecessor
	ownership
	fingers
	peerFailed
	keysMoved
	load
	leaving
	left
	state
	hostState
)

// Values that are stored as their index: never reorder.
var (
	phases   = []chordevent.MovePhase{"", chordevent.MoveStarted, chordevent.MoveDone, chordevent.MoveFailed}
	reasons  = []chordevent.MoveReason{"", chordevent.MoveJoin, chordevent.MoveLeave, chordevent.MoveRepair}
	statuses = []chordevent.Status{"", chordevent.StatusJoining, chordevent.StatusActive, chordevent.StatusLeaving, chordevent.StatusLeft}
)

// Storable returns an error if an event cannot be written. Every event that package chordevent decodes can be.
func Storable(ev *chordevent.Event) error {
	switch b := ev.Body.(type) {
	case chordevent.SuccessorsChanged:
		return atMost(len(b.Successors), chordevent.MaxSuccessors)
	case chordevent.FingersChanged:
		return atMost(len(b.Runs), chordevent.MaxFingerRuns)
	case chordevent.State:
		return errors.Join(atMost(len(b.Successors), chordevent.MaxSuccessors), atMost(len(b.Fingers), chordevent.MaxFingerRuns))
	}
	if kindOf(ev.Body) == 0 {
		return fmt.Errorf("encoding: cannot encode an event body of unknown type %T", ev.Body)
	}
	return nil
}

func atMost(n, most int) error {
	if n > most {
		return fmt.Errorf("encoding: cannot encode an event with a list of %d entries: expected at most %d", n, most)
	}
	return nil
}

// Event writes an event that is Storable.
func (w *Writer) Event(ev *chordevent.Event) {
	w.Uint(kindOf(ev.Body))
	w.Time(ev.Time)
	if s := (source{ev.Ring, ev.Instance, ev.Host}); !known(w, &w.sources, s) {
		w.Text(s.ring)
		w.Text(s.instance)
		w.Text(s.host.ID)
		w.Text(s.host.Address)
	}
	if l := (incarnation{ev.Node.ID, ev.Node.Digits, ev.Node.Incarnation}); !known(w, &w.incarnations, l) {
		w.ID(l.id)
		w.Int(int64(l.digits))
		w.Int(l.inc)
	}
	w.Int(ev.Node.Seq)
	w.Trace(ev.Trace)
	w.Bool(ev.Span.IsValid())
	if ev.Span.IsValid() {
		w.buf = append(w.buf, ev.Span[:]...)
	}
	w.body(ev.Body)
}

func kindOf(body chordevent.Body) uint64 {
	switch body.(type) {
	case chordevent.Started:
		return started
	case chordevent.Joined:
		return joined
	case chordevent.SuccessorsChanged:
		return successors
	case chordevent.PredecessorChanged:
		return predecessor
	case chordevent.OwnershipChanged:
		return ownership
	case chordevent.FingersChanged:
		return fingers
	case chordevent.PeerFailed:
		return peerFailed
	case chordevent.KeysMoved:
		return keysMoved
	case chordevent.NodeLoad:
		return load
	case chordevent.Leaving:
		return leaving
	case chordevent.Left:
		return left
	case chordevent.State:
		return state
	case chordevent.HostState:
		return hostState
	}
	return 0
}

func (w *Writer) body(body chordevent.Body) {
	switch b := body.(type) {
	case chordevent.Started:
		w.Started(b)
	case chordevent.Joined:
		w.Ref(b.Through)
	case chordevent.SuccessorsChanged:
		w.Refs(b.Successors)
	case chordevent.PredecessorChanged:
		w.Ref(b.Predecessor)
	case chordevent.OwnershipChanged:
		w.Ownership(b.Ownership)
	case chordevent.FingersChanged:
		w.runs(b.Runs)
	case chordevent.PeerFailed:
		w.Ref(b.Peer)
		w.Text(b.Operation)
	case chordevent.KeysMoved:
		w.Move(b)
	case chordevent.NodeLoad:
		w.Load(b.Load)
	case chordevent.Leaving:
		w.Ref(b.Successor)
	case chordevent.Left:
		w.Ref(b.Successor)
	case chordevent.State:
		w.Started(b.Started)
		w.Status(b.Status)
		w.Int(int64(b.Period))
		w.Refs(b.Successors)
		w.Ref(b.Predecessor)
		w.Ownership(b.Ownership)
		w.runs(b.Fingers)
		w.Load(b.Load)
		w.Int(b.Lost)
	case chordevent.HostState:
		w.Int(b.Incarnation)
		w.Int(b.Seq)
		w.Text(string(b.Status))
		w.Int(int64(b.Members))
		w.Int(int64(b.Period))
		w.Int(int64(b.ClockAhead))
		w.Int(int64(b.ClockOthers))
		w.Int(int64(b.ClockBeyond))
		w.Int(int64(b.Protocol))
	}
}

// Event reads an event.
func (r *Reader) Event() chordevent.Event {
	kind := r.Uint()
	ev := chordevent.Event{Time: r.Time()}
	s := r.source()
	ev.Ring, ev.Instance, ev.Host = s.ring, s.instance, s.host
	l := r.incarnation()
	ev.Node = chordevent.Node{ID: l.id, Digits: l.digits, Incarnation: l.inc, Seq: r.Int()}
	ev.Trace = r.Trace()
	if r.Bool() {
		copy(ev.Span[:], r.bytes(len(ev.Span)))
	}
	ev.Body = r.body(kind)
	if r.err != nil {
		return chordevent.Event{}
	}
	return ev
}

func (r *Reader) source() source {
	if n := r.number(len(r.sources)); n > 0 {
		return r.sources[n-1]
	}
	s := source{r.Text(), r.Text(), chordevent.Host{ID: r.Text(), Address: r.Text()}}
	if r.err == nil {
		r.sources = append(r.sources, s)
	}
	return s
}

func (r *Reader) incarnation() incarnation {
	if n := r.number(len(r.incarnations)); n > 0 {
		return r.incarnations[n-1]
	}
	l := incarnation{r.ID(), int(r.Between(0, 40)), r.Int()}
	if r.err == nil {
		r.incarnations = append(r.incarnations, l)
	}
	return l
}

func (r *Reader) body(kind uint64) chordevent.Body {
	switch kind {
	case started:
		return r.Started()
	case joined:
		return chordevent.Joined{Through: r.Ref()}
	case successors:
		return chordevent.SuccessorsChanged{Successors: r.Refs()}
	case predecessor:
		return chordevent.PredecessorChanged{Predecessor: r.Ref()}
	case ownership:
		return chordevent.OwnershipChanged{Ownership: r.Ownership()}
	case fingers:
		return chordevent.FingersChanged{Runs: r.runs()}
	case peerFailed:
		return chordevent.PeerFailed{Peer: r.Ref(), Operation: r.Text()}
	case keysMoved:
		return r.Move()
	case load:
		return chordevent.NodeLoad{Load: r.Load()}
	case leaving:
		return chordevent.Leaving{Successor: r.Ref()}
	case left:
		return chordevent.Left{Successor: r.Ref()}
	case state:
		return chordevent.State{
			Started: r.Started(), Status: r.Status(), Period: time.Duration(r.Int()), Successors: r.Refs(), Predecessor: r.Ref(),
			Ownership: r.Ownership(), Fingers: r.runs(), Load: r.Load(), Lost: r.Int(),
		}
	case hostState:
		return chordevent.HostState{
			Incarnation: r.Int(), Seq: r.Int(), Status: chordevent.HostStatus(r.Text()), Members: int(r.Int()), Period: time.Duration(r.Int()),
			ClockAhead: time.Duration(r.Int()), ClockOthers: int(r.Int()), ClockBeyond: int(r.Int()), Protocol: int(r.Int()),
		}
	}
	r.Fail("unknown kind of event")
	return nil
}
