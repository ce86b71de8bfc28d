package ring

import (
	"time"

	"chordconductor/otel/chordevent"
)

// maxAhead is the most by which a host's clock is corrected. Beyond it the host itself is wrong, or a liar.
const maxAhead = 366 * 24 * time.Hour

// ringTime is an event's timestamp by the ring's time, which is that of the median host: corrected by what the event's host
// has last stated of its clock. So timestamps of two hosts can be compared. Of a host that has stated nothing yet the
// timestamp is taken as it is.
func (r *Ring) ringTime(ev *chordevent.Event) time.Time {
	x := r.stated.by[ev.Host.Address]
	if x == nil {
		return ev.Time
	}
	ahead := x.ClockAhead
	if ahead > maxAhead || ahead < -maxAhead {
		return ev.Time
	}
	// The host has compared itself with the others, and not with all. The median of two or fewer others is their mean, and
	// a host is ahead of the mean of all by so much less.
	if n := time.Duration(x.ClockOthers); n < 3 {
		ahead = ahead * n / (n + 1)
	}
	return ev.Time.Add(-ahead)
}

// A clock is what is known of the clock of a member's host by the newest event. The conductor sees no call together with
// its answer, so it knows bounds alone: an event cannot have been emitted after it arrived, nor before the one that the
// member had emitted before it.
type clock struct {
	lead  time.Duration // the timestamp minus the arrival
	delay time.Duration // most that the event has been on its way
	timed bool          // delay is known
}

// maxLate is the most that an event may seem to be late for no other reason than that it says so: hosts keep their clocks
// within a minute of each other.
const maxLate = time.Minute

// next is the clock by an event that follows the one that this is by, and that arrived a time after it. What an outage
// held up is late by no more than the outage: later than that says that the clock is off.
func (c clock) next(at, arrived time.Time, after time.Duration) clock {
	n := clock{lead: at.Sub(arrived)}
	claimed := max(-n.lead, 0)
	n.timed = claimed <= maxLate || c.timed && claimed <= c.delay+max(after, 0)+maxLag
	if n.timed {
		n.delay = claimed
	}
	return n
}

// faults are those of the clock.
func (c clock) faults() faultSet {
	switch {
	case c.lead > maxLag:
		return 1 << ClockAhead
	case c.lead < -maxLate && !c.timed:
		return 1 << ClockBehind
	}
	return 0
}

// Delay is how long an event has taken from its timestamp until now, by the ring's time, and whether that is known: the
// timestamps of a host whose clock is off do not tell.
func (r *Ring) Delay(ev *chordevent.Event, now time.Time) (time.Duration, bool) {
	delay := max(now.Sub(r.ringTime(ev)), 0)
	if delay <= maxLate {
		return delay, true
	}
	x := r.records[ev.Node.ID]
	return delay, x != nil && x.heard && x.inc == ev.Node.Incarnation && x.clock.timed
}
