package chordevent

import (
	"math"
	"time"

	"chordconductor/node/chord"
)

const (
	directionIn  = "in"
	directionOut = "out"
)

func (d *decoder) body(self chord.ID) Body {
	switch d.layout.Kind {
	case KindStarted:
		return d.started(self)
	case KindJoined:
		return Joined{d.peer(fPeerID)}
	case KindSuccessors:
		return SuccessorsChanged{d.successors()}
	case KindPredecessor:
		return PredecessorChanged{d.peer(fPredecessorID)}
	case KindOwnership:
		return OwnershipChanged{d.ownership()}
	case KindFingers:
		return FingersChanged{d.fingers()}
	case KindPeerFailed:
		return PeerFailed{Peer: d.peer(fPeerID), Operation: d.text(fOperation)}
	case KindKeysMoved:
		return d.move()
	case KindLoad:
		return NodeLoad{d.load()}
	case KindLeaving:
		return Leaving{d.peer(fPeerID)}
	case KindLeft:
		return Left{d.peer(fPeerID)}
	case KindHostState:
		return d.host()
	default: // layouts has no other
		return d.state(self)
	}
}

func (d *decoder) host() HostState {
	return HostState{
		Incarnation: d.count(fHostIncarnation),
		Seq:         d.between(fHostSeq, 1, math.MaxInt64),
		Status:      HostStatus(d.oneOf(fHostStatus, hostStatuses...)),
		Members:     int(d.between(fHostMembers, 0, math.MaxInt32)),
		Period:      time.Duration(d.count(fKeyframePeriod)),
		ClockAhead:  time.Duration(d.between(fClockAhead, math.MinInt64, math.MaxInt64)),
		ClockOthers: int(d.between(fClockOthers, 0, math.MaxInt32)),
		ClockBeyond: int(d.between(fClockBeyond, 0, math.MaxInt32)),
		Protocol:    int(d.between(fProtocolVersion, 0, math.MaxInt32)),
	}
}

func (d *decoder) started(self chord.ID) Started {
	s := Started{
		Address:      d.text(fNodeAddress),
		Bits:         int(d.between(fRingBits, chord.MinBits, chord.MaxBits)),
		ListLen:      int(d.between(fRingSuccessors, 1, MaxSuccessors)),
		Replicas:     int(d.between(fRingReplicas, 1, MaxReplicas)),
		VirtualIndex: int(d.between(fNodeVirtualIndex, 0, math.MaxInt32)),
	}
	if d.err == nil {
		d.fits(fNodeID, s.Bits, self)
	}
	return s
}

// fits checks that an identifier lies on the circle that the record itself declares.
func (d *decoder) fits(f field, bits int, id chord.ID) {
	space, err := chord.NewSpace(bits)
	if err != nil || space.Digits() != d.digits || space.Distance(chord.ID{}, id) != id {
		d.fail(f, ReasonRange)
	}
}

func (d *decoder) successors() []PeerRef {
	n := d.lists(fSuccessorsIDs, 4, MaxSuccessors)
	if n == 0 {
		return nil
	}
	peers := make([]PeerRef, n)
	for i := range peers {
		peers[i] = d.peerAt(fSuccessorsIDs, i)
	}
	return peers
}

func (d *decoder) ownership() Ownership {
	return Ownership{Owns: d.flag(fOwnershipOwns), From: d.id(fOwnershipFrom), Epoch: d.count(fOwnershipEpoch)}
}

// fingers reads runs in ascending order that do not overlap.
func (d *decoder) fingers() []FingerRun {
	n := d.lists(fFingersFirst, 6, MaxFingerRuns)
	if n == 0 {
		return nil
	}
	runs := make([]FingerRun, n)
	firsts, lasts := d.vals[fFingersFirst].Slice(), d.vals[fFingersLast].Slice()
	end := int64(-1)
	for i := range runs {
		first, last := firsts.At(i).Int(), lasts.At(i).Int()
		if first <= end {
			d.fail(fFingersFirst, ReasonRange)
			return nil
		}
		if last < first || last >= chord.MaxBits {
			d.fail(fFingersLast, ReasonRange)
			return nil
		}
		end = last
		runs[i] = FingerRun{First: int(first), Last: int(last), Peer: d.peerAt(fFingersIDs, i)}
	}
	return runs
}

func (d *decoder) move() KeysMoved {
	m := KeysMoved{
		MoveID: d.text(fMoveID),
		Phase:  MovePhase(d.oneOf(fMovePhase, movePhases...)),
		Peer:   d.peer(fPeerID),
		From:   d.id(fMoveFrom),
		To:     d.id(fMoveTo),
		Keys:   d.count(fMoveKeys),
		Bytes:  d.count(fMoveBytes),
		Reason: MoveReason(d.oneOf(fMoveReason, moveReasons...)),
	}
	m.Outgoing = d.oneOf(fMoveDirection, moveDirections...) == directionOut
	return m
}

func (d *decoder) load() (l Load) {
	for i, count := range l.Counts() {
		*count = d.count(fLoad + field(i))
	}
	return l
}

func (d *decoder) state(self chord.ID) State {
	s := State{
		Started:     d.started(self),
		Status:      Status(d.oneOf(fNodeStatus, string(StatusJoining), string(StatusActive), string(StatusLeaving), string(StatusLeft))),
		Period:      time.Duration(d.count(fKeyframePeriod)),
		Successors:  d.successors(),
		Predecessor: d.peer(fPredecessorID),
		Ownership:   d.ownership(),
		Fingers:     d.fingers(),
		Load:        d.load(),
		Lost:        d.count(fTelemetryLost),
	}
	if d.err != nil {
		return State{}
	}
	for _, p := range s.Successors {
		d.fits(fSuccessorsIDs, s.Bits, p.ID)
	}
	for _, run := range s.Fingers {
		d.fits(fFingersIDs, s.Bits, run.Peer.ID)
	}
	d.fits(fPredecessorID, s.Bits, s.Predecessor.ID)
	d.fits(fOwnershipFrom, s.Bits, s.Ownership.From)
	return s
}

// oneOf reads a string that must be one of a few, and returns the constant so that the record's copy can be freed.
func (d *decoder) oneOf(f field, allowed ...string) string {
	if d.err != nil {
		return ""
	}
	got := d.vals[f].Str()
	for _, w := range allowed {
		if got == w {
			return w
		}
	}
	d.fail(f, ReasonValue)
	return ""
}
