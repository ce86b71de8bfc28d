package ring

import (
	"time"

	"chordconductor/otel/chordevent"
)

// maxAhead is the most by which a host's clock is corrected. If a host states more, its statement is wrong or a lie.
const maxAhead = 366 * 24 * time.Hour

// ringTime returns an event's timestamp in ring time, the time of the median host: it subtracts the offset that the
// event's host has last reported. So timestamps of two hosts can be compared. If the host has not reported an offset
// yet, ringTime returns the timestamp unchanged.
func (r *Ring) ringTime(ev *chordevent.Event) time.Time {
	x := r.stated.by[ev.Host.Address]
	if x == nil {
		return ev.Time
	}
	ahead := x.ClockAhead
	if ahead > maxAhead || ahead < -maxAhead {
		return ev.Time
	}
	// The host has compared its clock with some other hosts, not with all. The median of two or fewer others is their
	// mean, and a host is ahead of the mean of all by correspondingly less.
	if n := time.Duration(x.ClockOthers); n < 3 {
		ahead = ahead * n / (n + 1)
	}
	return ev.Time.Add(-ahead)
}

// A clock is what the newest event of a member shows about the clock of the member's host. The conductor does not see
// when an event was sent, so it knows only bounds: an event cannot have been emitted after it arrived, nor before the
// member's previous event.
type clock struct {
	lead  time.Duration // the timestamp minus the arrival
	delay time.Duration // the most that the event has been on its way
	timed bool          // delay is known
}

// maxLate is the greatest delay that an event's timestamp may show without a fault: hosts keep their clocks within a
// minute of each other.
const maxLate = time.Minute

// next returns the clock after the next event, which arrived `after` later than the event that c is from. An outage
// delays an event by no more than the outage's length: a greater delay means that the clock is wrong.
func (c clock) next(at, arrived time.Time, after time.Duration) clock {
	n := clock{lead: at.Sub(arrived)}
	claimed := max(-n.lead, 0)
	n.timed = claimed <= maxLate || c.timed && claimed <= c.delay+max(after, 0)+maxLag
	if n.timed {
		n.delay = claimed
	}
	return n
}

// faults returns the faults of the clock.
func (c clock) faults() faultSet {
	switch {
	case c.lead > maxLag:
		return 1 << ClockAhead
	case c.lead < -maxLate && !c.timed:
		return 1 << ClockBehind
	}
	return 0
}

// Delay returns the time from an event's timestamp until now, in ring time. It returns false while the host's clock is
// faulty: then the delay is not known.
func (r *Ring) Delay(ev *chordevent.Event, now time.Time) (time.Duration, bool) {
	delay := max(now.Sub(r.ringTime(ev)), 0)
	if delay <= maxLate {
		return delay, true
	}
	x := r.records[ev.Node.ID]
	return delay, x != nil && x.seen && x.inc == ev.Node.Incarnation && x.clock.timed
}
