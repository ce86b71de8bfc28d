package ring

import (
	"time"

	"go.opentelemetry.io/otel/trace"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// A register keeps the value from the event with the greatest number; number 0 means that it is not set.
type register[T any] struct {
	seq int64
	val T
}

func (r *register[T]) set(seq int64, val T) bool {
	if seq <= r.seq {
		return false
	}
	r.seq, r.val = seq, val
	return true
}

// A record holds everything that is known about one identifier. It is a member once an event of its own has arrived
// (seen). Until then it is only referenced, and is kept while members name it or report it dead.
type record struct {
	id   chord.ID
	seen bool
	incarnationState

	reports reports
	rival   rival
	since   time.Time // if only referenced: when it was first named; if doubtful: when it became doubtful

	// The fields below are derived. Each is changed only by the function named beside it, together with what depends on
	// the field.

	status        MemberStatus // updateStatus
	uncertain     bool         // updateStatus
	doubtful      bool         // updateStatus: uncertain, and perhaps one of the ring's members
	reporting     bool         // updateStatus: reports of deaths of its later incarnations exist
	faults        faultSet     // updateStatus
	faulty        time.Time    // updateStatus: the time from which on it has had faults
	missing       int64        // updateStatus
	memory        int64        // weigh: the bytes that are counted for the member
	vote          vote         // updateParameters: for the ring parameters
	refused       bool         // updateRefused: its ring parameters are not the ring's
	stance                     // updateStance
	owns          bool         // updateOwnership: the member is counted and has a range
	seam          seam         // updateSeam: between the member's range and the range before it
	hosting       string       // updateHosting: the host that counts because of this member, or ""
	short         bool         // updateShort: the member's keys are on too few hosts
	unruly        bool         // checkList: the member's list breaks a condition
	skippedSilent bool         // skipSilent: silent, and skipped by the member before it; no longer counted
	kept          bool         // keep: only referenced, and kept for a report of its death

	to    [2]pointer   // updatePointer: the peers that it names as predecessor and head
	named [2][]*record // updatePointer: the members that name it as predecessor and as head
	tail  int          // recountTail: entries of its list after the first that differ from the head's list
	blind int          // recountTail: those whose right value is unknown

	changedBy uint64        // noteCause: the change that last concerned the member's pointers or status
	cause     trace.TraceID // noteCause: the trace of the event that made that change

	node     // of the tree
	rank int // rank among the counted members; valid only where it was just set

	shown     *Member                // the newest Member made of it
	position  int                    // in the view's Members
	error     int                    // showErrors: the member's share of the ring error, as shown
	dirty     bool                   // shown is outdated
	fingersOK bool                   // fingersOf is of the present table
	fingersOf []chordevent.FingerRun // what Members show
}

// An incarnationState is the state of one incarnation, as its events report it.
type incarnationState struct {
	inc     int64
	seqs    seqSet
	newest  int64         // greatest event number
	first   time.Time     // earliest timestamp
	last    time.Time     // timestamp of the newest event, in ring time
	arrived time.Time     // of the last new event
	lag     time.Duration // least time from an event's timestamp to its arrival: clock difference and delivery
	ahead   time.Duration // the host's clock offset that lag was measured with; not in checkpoints, like hosts
	host    chordevent.Host
	clock   clock
	sources [2]source // sources of its events: the first and the last of all by name; see noteSource

	started        register[chordevent.Started]
	reportedStatus register[chordevent.Status]
	period         register[time.Duration]
	pred           register[chordevent.PeerRef]
	succ           register[[]chordevent.PeerRef]
	owned          register[chordevent.Ownership]
	load           register[chordevent.Load]
	fingers        fingerTable

	listBytes, runBytes int64 // of succ and fingers; see weigh
}

// keyframePeriod returns the longest time for which the member may emit nothing.
func (l *incarnationState) keyframePeriod() time.Duration {
	if l.period.val > 0 {
		return l.period.val
	}
	return defaultPeriod
}
