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
