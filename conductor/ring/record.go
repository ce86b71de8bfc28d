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

	dead  report
	since time.Time // a stranger: from when on it was named; a doubtful member: from when on it was

	// What follows is derived. Each is changed only by the function named, together with what depends on it.

	status    MemberStatus // restand
	uncertain bool         // restand
	doubtful  bool         // restand: uncertain, and perhaps one of the ring's members
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
	reported  bool         // keep: a stranger that is kept for the report of its death

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
	host    chordevent.Host

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

// A report is the sum of what peers said of a member's death.
type report struct {
	inc     int64     // the greatest life reported dead; 0: none
	seq     int64     // of that life, the greatest event number a reporter knew of
	at      time.Time // of that life, the latest report's timestamp, by the ring's time
	arrived time.Time // when the last report that changed these arrived
	trace   trace.TraceID
}

// merge takes a further report in. Maxima make it indifferent to order and repetition.
func (d *report) merge(peer chordevent.PeerRef, at, arrived time.Time, by trace.TraceID) bool {
	switch {
	case peer.Incarnation < d.inc:
		return false
	case peer.Incarnation > d.inc:
		*d = report{peer.Incarnation, peer.Seq, at, arrived, by}
		return true
	case peer.Seq <= d.seq && !at.After(d.at):
		return false
	}
	if at.After(d.at) {
		d.at, d.trace = at, by
	}
	d.seq, d.arrived = max(d.seq, peer.Seq), arrived
	return true
}

// maxOvertaken is how many events beyond the number a reporter knew can have been told before the death it reports.
const maxOvertaken = 64

// died reports whether the member's death has been reported and not refuted. An event with a greater number refutes a
// report, unless its own timestamp says that it was told before the report: what a member said between the reporter's
// last word with it and its crash must not bring it back to life. Both timestamps are by the ring's time (ringTime). Should
// they disagree all the same, maxOvertaken events refute whatever their timestamps are.
func (x *record) died() bool {
	if x.dead.inc != x.inc {
		return x.dead.inc > x.inc
	}
	return x.dead.seq >= x.newest || x.last.Before(x.dead.at) && x.newest-x.dead.seq <= maxOvertaken
}
