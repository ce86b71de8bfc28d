package ring

import (
	"time"

	"go.opentelemetry.io/otel/trace"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// Status is the status of the ring, computed over what is certain; Certainty describes how much that is.
type Status uint8

const (
	Unknown   Status = iota // no successor list of a certain member is known
	Forming                 // the ring has not been ideal yet, and its oldest member is young
	Ideal                   // every certain pointer is right; also in a ring of r members or fewer
	Repairing               // some certain pointer is wrong
	Violated                // the invariant certainly does not hold
)

// MemberStatus is the status of a member in the view.
type MemberStatus uint8

const (
	Joining MemberStatus = iota + 1
	Active
	Leaving
	Left   // the member's own event reports that it has left
	Failed // a peer's report names the member's incarnation as dead
	Silent // no telemetry of the member for three keyframe periods, and no report of its death
)

// A View is the ring at one instant: an immutable value that any number of readers share.
type View struct {
	Seq          uint64    // changes so far: events that changed something, and Advances that did
	Time         time.Time // the latest instant given to the fold (Apply's arrival or Advance)
	Name         string    // chord.ring.name
	Status       Status
	Error        uint64 // ring error of the certain members
	ErrorUnknown uint64 // pointers that the ring error leaves out, since their owner or the peer that they name is uncertain
	Certainty    Certainty
	Tolerance    Tolerance
	Faults       []Fault     // of emitters, by kind and identifier: 100 at most
	FaultCounts  FaultCounts // of all
	Bits         int         // 0 while unknown
	ListLen      int         // r
	Replicas     int
	Members      []*Member   // by ID; those gone stay until they are forgotten
	Violations   []Violation // those that still hold, oldest first, then those that healed, newest first; bounded
	Hosts        []HostState // by address: those that have reported their state, with or without members; not in checkpoints
	Moves        []*Move     // those with the most recent events, newest first; bounded
	Gaps         int         // between neighbours' owned ranges: ranges without owner, beyond grace
	Overlaps     int         // ranges with two owners, beyond grace
	Short        int         // owners with keys on too few hosts, beyond grace: see UnderReplicated
	Counts       Counts
}

// Counts has the number of members by status, and of those that may be part of the ring and are uncertain.
type Counts struct {
	Joining, Active, Leaving, Left, Failed, Silent int
	RefusedMembers                                 int    // of other bits, r or R than the ring, so that its hosts refuse them; not shown, nor in the numbers before
	Uncertain                                      int    // marked uncertain, and neither gone nor skipped
	Unheard                                        int    // possible members that others name or report dead, and of which no event has arrived
	Lost                                           int64  // telemetry records that processes report as lost
	Missing                                        int64  // events that members are known to have emitted and that did not arrive
	Applied                                        uint64 // events that changed something
	Outdated                                       uint64 // events that changed nothing
	Refused                                        uint64 // events refused: of another ring, or beyond a bound
}

// A Member is one ring member as its own events, and its peers' reports of its death, describe it. It is immutable.
type Member struct {
	ID          chord.ID
	Incarnation int64
	Seq         int64 // greatest event number applied
	Host        chordevent.Host
	Ring        string
	Status      MemberStatus
	Uncertain   bool   // events are missing or overdue, so fields may be old; if Failed: that may yet be refuted
	Missing     int64  // events not arrived
	Error       int    // share of the ring error
	Changed     uint64 // View.Seq of the first view that shows the member in this state
	FirstEvent  time.Time
	LastEvent   time.Time // timestamp of the newest event
	Started     chordevent.Started
	Predecessor chordevent.PeerRef
	Successors  []chordevent.PeerRef
	Ownership   chordevent.Ownership
	Fingers     []chordevent.FingerRun
	Load        chordevent.Load
	Keyframe    time.Duration // time between the member's keyframes
}

// Holds returns the load of a member by the member's own last event. It is zero once the member has left, since it has
// handed over its keys.
func (m *Member) Holds() chordevent.Load {
	if m.Status == Left {
		return chordevent.Load{}
	}
	return m.Load
}

// Conditions on the ranges that neighbouring owners report as theirs, and on the replicas of their keys.
const (
	OwnershipGap     = "OwnershipGap"     // no member owns a range before the member's range
	OwnershipOverlap = "OwnershipOverlap" // the member's range reaches past the owner before it
	UnderReplicated  = "UnderReplicated"  // the member's keys are on fewer hosts than R and the ring's hosts allow
)

// Conditions lists all conditions that a Violation can name.
var Conditions = []string{
	chord.OrderedSuccessorLists, chord.NoDuplicates, chord.LiveSuccessor, chord.EnoughPrincipals, chord.OneOrderedRing,
	chord.ConnectedAppendages, OwnershipGap, OwnershipOverlap, UnderReplicated,
}

// A Move is a handoff of a range of keys, as its sender and its receiver report it. It is immutable.
type Move struct {
	ID               string
	Source, Receiver chord.ID
	From, To         chord.ID // the range (From, To]
	Phase            chordevent.MovePhase
	Reason           chordevent.MoveReason
	Keys, Bytes      int64
	Started, Updated time.Time // timestamps of the first and of the newest event received
	Trace            trace.TraceID
}

// A Violation is a condition that does not hold now, or did not hold for some time.
type Violation struct {
	Condition string // one of Conditions
	Detail    string // one sentence for people
	Members   []chord.ID
	Since     time.Time
	Healed    time.Time // zero: the violation still holds
	Trace     trace.TraceID
}

// Key identifies a violation; it stays the same while the violation's members and detail change. It consists of the
// condition, the time since which the condition is broken and, for conditions that several members may break at the
// same time, the first of Members, which breaks it.
func (v *Violation) Key() string {
	key := v.Condition + " " + v.Since.UTC().Format(time.RFC3339Nano)
	switch v.Condition {
	case chord.OrderedSuccessorLists, chord.NoDuplicates, chord.LiveSuccessor, OwnershipGap, OwnershipOverlap, UnderReplicated:
		key += string(v.Members[0][:])
	}
	return key
}

// A Change describes what one call of Apply or Advance has changed.
type Change struct {
	Applied bool       // the event changed something, or time did
	Noted   bool       // not Applied, but it matters for a fault of the emitter: without this event, later views would differ
	Seq     uint64     // of this change, if Applied: views from View.Seq on show it
	Members []chord.ID // the members whose own state changed; valid until the next call
	Death   bool       // the event is a report by which a member has failed: neither a further report of a death, nor a refuted one
}
