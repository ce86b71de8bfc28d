package ring

import (
	"time"

	"go.opentelemetry.io/otel/trace"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// Status is the ring's health in one word.
type Status uint8

const (
	Empty     Status = iota // nothing heard yet
	Forming                 // fewer than r+1 members, however that came
	Ideal                   // every pointer is right
	Repairing               // some pointer is not what it will be
	Violated                // the invariant does not hold
	Uncertain               // too much is unknown to say
)

// MemberStatus is what is known of a member's life.
type MemberStatus uint8

const (
	Joining MemberStatus = iota + 1
	Active
	Leaving
	Left   // by its own word
	Failed // by a peer's report that names its incarnation
	Silent // no telemetry for three keyframe periods, and no peer reports it dead
)

// A View is the ring at one instant: an immutable value that any number of readers share.
type View struct {
	Seq        uint64    // events applied so far
	Time       time.Time // the latest instant the fold was told of (Apply's arrival or Advance)
	Name       string    // chord.ring.name
	Status     Status
	Error      uint64 // ring error; 0 exactly when ideal
	Bits       int    // 0 while unknown
	ListLen    int    // r
	Replicas   int
	Members    []*Member // by ID; those gone stay until they are forgotten
	Violations []Violation
	Counts     Counts
}

// Counts counts members by status, and those marked uncertain.
type Counts struct {
	Joining, Active, Leaving, Left, Failed, Silent int
	Uncertain                                      int
	Lost                                           int64  // telemetry records that processes said they lost
	Outdated                                       uint64 // events that told nothing new
}

// A Member is one ring member as its own events, and its peers' reports of its death, describe it. Immutable.
type Member struct {
	ID          chord.ID
	Incarnation int64
	Seq         int64 // greatest event number applied
	Host        chordevent.Host
	Ring        string
	Status      MemberStatus
	Uncertain   bool // events are missing, so fields may be old
	Error       int  // share of the ring error
	Changed     uint64
	FirstEvent  time.Time
	LastEvent   time.Time // timestamp of the newest event
	Started     chordevent.Started
	Predecessor chordevent.PeerRef
	Successors  []chordevent.PeerRef
	Ownership   chordevent.Ownership
	Fingers     []chordevent.FingerRun
	Load        chordevent.Load
}

// A Violation is a condition that does not hold, or did not for a time.
type Violation struct {
	Condition string // the condition's name, as docs/protocol.md lists them
	Detail    string // one sentence for people
	Members   []chord.ID
	Since     time.Time
	Healed    time.Time // zero: still there
	Trace     trace.TraceID
}

// A Change says what one Apply or Advance did.
type Change struct {
	Applied bool // the event told something new
	Members []chord.ID
}
