package chordevent

import (
	"time"

	"go.opentelemetry.io/otel/trace"

	"chordconductor/node/chord"
)

// An Event describes one thing about one member, or with a HostState about one host, whole: applying it twice or late
// does no harm.
type Event struct {
	Time     time.Time
	Ring     string // resource attribute chord.ring.name
	Instance string // resource attribute service.instance.id
	Host     Host
	Node     Node          // zero in a HostState
	Trace    trace.TraceID // of the operation that caused it; zero if none was recorded
	Span     trace.SpanID
	Body     Body
}

// A Host is a failure domain: one address that carries one member or more.
type Host struct {
	ID      string // chord.host.id
	Address string // chord.host.address
}

// A Node is an incarnation of a member, and the number of the event in it.
type Node struct {
	ID          chord.ID
	Digits      int   // hex digits of chord.node.id as received; Encode needs it set (chord.Space.Digits)
	Incarnation int64 // Unix nanoseconds
	Seq         int64 // 1, 2, 3, … per incarnation, no gaps
}

// A PeerRef is another member as the event's member knows it, with the last event number of it that this member has
// received.
type PeerRef struct {
	chord.Peer
	Seq int64
}

// Body is one of the types below.
type Body interface{ Kind() Kind }

// Started is emitted when a member starts to join.
type Started struct {
	Address      string
	Bits         int
	ListLen      int // r, the length of the successor list
	Replicas     int
	VirtualIndex int
}

// Joined is emitted when a member has its first successor list and predecessor.
type Joined struct{ Through PeerRef } // zero: it founded the ring

// SuccessorsChanged carries the present successor list, placeholders (empty address) included.
type SuccessorsChanged struct{ Successors []PeerRef }

// PredecessorChanged carries the present predecessor; the zero PeerRef is "none".
type PredecessorChanged struct{ Predecessor PeerRef }

// OwnershipChanged carries the range (From, the member's ID] that the member is responsible for now.
type OwnershipChanged struct{ Ownership }

// Ownership is a member's ownership register.
type Ownership struct {
	Owns  bool // false: the register is empty
	From  chord.ID
	Epoch int64
}

// FingersChanged carries the finger runs that changed.
type FingersChanged struct{ Runs []FingerRun }

// A FingerRun is the one peer that finger slots First to Last, both included, point to. The zero PeerRef is "none".
type FingerRun struct {
	First, Last int
	Peer        PeerRef
}

// PeerFailed is emitted when the member has lost contact with a peer.
type PeerFailed struct {
	Peer      PeerRef
	Operation string // the span name of the operation that detected it
}

// MovePhase is the progress of a key move.
type MovePhase string

// MoveReason is why keys move.
type MoveReason string

const (
	MoveStarted MovePhase = "started"
	MoveDone    MovePhase = "done"
	MoveFailed  MovePhase = "failed"

	MoveJoin   MoveReason = "join"
	MoveLeave  MoveReason = "leave"
	MoveRepair MoveReason = "repair"
)

// KeysMoved describes the handoff of a range. Source and receiver both emit it.
type KeysMoved struct {
	MoveID   string
	Phase    MovePhase
	Outgoing bool // chord.move.direction: out (from this member) or in
	Peer     PeerRef
	From, To chord.ID // the range (From, To]
	Keys     int64
	Bytes    int64
	Reason   MoveReason
}

// NodeLoad carries what a member holds and has done since its start.
type NodeLoad struct{ Load }

// Leaving is emitted when a graceful leave begins; Successor takes over.
type Leaving struct{ Successor PeerRef }

// Left is emitted when a graceful leave is complete.
type Left struct{ Successor PeerRef }

// Status is a member's own report of its state.
type Status string

const (
	StatusJoining Status = "joining"
	StatusActive  Status = "active"
	StatusLeaving Status = "leaving"
	StatusLeft    Status = "left"
)

// State is the keyframe: everything above together.
type State struct {
	Started
	Status      Status
	Period      time.Duration // until the next keyframe
	Successors  []PeerRef
	Predecessor PeerRef
	Ownership   Ownership
	Fingers     []FingerRun // all runs, so every slot is covered
	Load        Load
	Lost        int64 // telemetry records that this process knows it lost, since its start
}

// HostStatus is a host's progress towards members on the ring.
type HostStatus string

const (
	HostEmpty   HostStatus = "empty"   // it has no members, and can be given some
	HostJoining HostStatus = "joining" // none of its members is active
	HostActive  HostStatus = "active"
	HostOff     HostStatus = "off" // it has left the ring by itself: its clock is wrong
)

// HostState reports that a host exists, with or without members, and how its clock compares with those of the hosts
// that answer it.
type HostState struct {
	Incarnation int64 // start of the host, Unix nanoseconds
	Seq         int64 // 1, 2, 3, … per incarnation
	Status      HostStatus
	Members     int           // with those that join or leave
	Period      time.Duration // until the next one; 0: there will be none, the host ends
	ClockAhead  time.Duration // compared with the median of the others' clocks; negative: behind
	ClockOthers int           // number of hosts compared with
	ClockBeyond int           // number of these whose clock differs by more than the ring tolerates
	Protocol    int           // version of the protocol between hosts
}
