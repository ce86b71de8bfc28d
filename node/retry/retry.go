// Package retry has all the times that members wait before they try again, in one place. Times that
// are multiples of a ring's configured times, such as of the call limit, are beside the code that
// waits.
package retry

import "time"

// A Pace is how long to wait between tries: First before the second try, then twice as long each
// time, up to Most.
type Pace struct{ First, Most time.Duration }

// Next returns the wait that follows a wait of gap; the first wait follows 0.
func (p Pace) Next(gap time.Duration) time.Duration { return min(max(2*gap, p.First), p.Most) }

// UpTo returns the pace with the smaller of Most and the given time as its greatest wait.
func (p Pace) UpTo(most time.Duration) Pace { return Pace{p.First, min(p.Most, most)} }

var (
	// Operation is for a client's operation while ownership changes, or after a member has died.
	Operation = Pace{10 * time.Millisecond, 500 * time.Millisecond}
	// Lookup is for a lookup that has found no owner because a range is passing from one owner to
	// another. It is at most one base interval.
	Lookup = Pace{10 * time.Millisecond, 640 * time.Millisecond}
	// Leave is for a leaver whose handoff or departure has failed, or that waits for others.
	Leave = Pace{10 * time.Millisecond, 200 * time.Millisecond}
	// Busy is for a query that a peer has answered with BUSY, which it does for as long as a call
	// takes.
	Busy = Pace{4 * time.Millisecond, 16 * time.Millisecond}
)

const (
	// Depart is the first wait of a leaver for the departure of its head or of its predecessor. It
	// is at most one base interval.
	Depart = 10 * time.Millisecond
	// Reconcile is the time between two rounds of the reconciliation of ownership, while work
	// remains.
	Reconcile = 100 * time.Millisecond
	// Repair is the least time between two rounds of repair.
	Repair = 50 * time.Millisecond
	// RepairFailed is the time to the next round of repair after a failed one.
	RepairFailed = time.Second
)
