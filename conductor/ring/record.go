package ring

import (
	"time"

	"go.opentelemetry.io/otel/trace"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// A register keeps the value that the event with the greatest number gave it. Number 0: never told.
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

// A record is all that is known of one identifier. It is a member once it has told an event itself (heard); until then
// it is a stranger, kept only while members name it or report it dead.
type record struct {
	id    chord.ID
	heard bool
	life

	reports reports
	rival   rival
	since   time.Time // a stranger: from when on it was named; a doubtful member: from when on it was

	// What follows is derived. Each is changed only by the function named, together with what depends on it.

	status    MemberStatus // restand
	uncertain bool         // restand
	doubtful  bool         // restand: uncertain, and perhaps one of the ring's members
	reporting bool         // restand: it has reports of later incarnations
	faults    faultSet     // restand
	faulty    time.Time    // restand: since when it has had any
	missing   int64        // restand
	memory    int64        // weigh: the bytes that it is counted for
	vote      vote         // recircle: for what the ring is like
	refused   bool         // judge: it is of another ring
	stance                 // restance
	owns      bool         // reown: it is counted and has a range
	seam      seam         // reseam: between its range and the one before
	hosting   string       // rehost: the host that it makes count, or none
	short     bool         // rejudge: its keys are on too few hosts
	unruly    bool         // checkList: its list breaks a condition
	passed    bool         // check: silent, and skipped by the member before it; no longer counted
	kept      bool         // keep: a stranger that is remembered for a report of its death

	to    [2]pointer   // repoint: whom it names as predecessor and head
	named [2][]*record // repoint: who names it so
	tail  int          // retail: entries of its list after the first that are not as the head's list says
	blind int          // retail: those of which nothing says what they should be

	turned   uint64        // turn: the change that last concerned its pointers or standing
	turnedBy trace.TraceID // turn: the event that made it

	node     // of the tree
	rank int // among the counted; valid where it was just set

	shown     *Member                // its newest Member
	position  int                    // in the view's Members
	error     int                    // showErrors: its part of the ring error, as it shows
	dirty     bool                   // which is out of date
	fingersOK bool                   // fingersOf is of the table as it is
	fingersOf []chordevent.FingerRun // what Members show
}

// A life is what the events of one incarnation said.
type life struct {
	inc     int64
	seqs    seqSet
	newest  int64         // greatest event number
	first   time.Time     // earliest timestamp
	last    time.Time     // timestamp of the newest event, by the ring's time
	arrived time.Time     // when something new last arrived
	lag     time.Duration // least time from an event's timestamp to its arrival: what the clocks differ by, and the way
	ahead   time.Duration // by how much the host's clock was taken to be ahead in that; not in checkpoints, as are hosts
	host    chordevent.Host
	clock   clock
	sources [2]source // of its events, of all that there are the first and the last by name; see noteSource

	started register[chordevent.Started]
	word    register[chordevent.Status]
	period  register[time.Duration]
	pred    register[chordevent.PeerRef]
	succ    register[[]chordevent.PeerRef]
	owned   register[chordevent.Ownership]
	load    register[chordevent.Load]
	fingers fingerTable

	listBytes, runBytes int64 // of succ and fingers; see weigh
}

// keyframePeriod is how long the member may say nothing.
func (l *life) keyframePeriod() time.Duration {
	if l.period.val > 0 {
		return l.period.val
	}
	return defaultPeriod
}
