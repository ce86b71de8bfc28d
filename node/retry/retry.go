// Package retry is the one place of how long members wait before they try again. What is measured in the configured
// times of a ring, as a multiple of the call limit for instance, is beside the code that waits.
package retry

import "time"

// A Pace is how long to wait between tries: First before the second one, and then twice as long each time, up to Most.
type Pace struct{ First, Most time.Duration }

// Next returns the wait after one of gap; the first one is after 0.
func (p Pace) Next(gap time.Duration) time.Duration { return min(max(2*gap, p.First), p.Most) }

// UpTo returns the pace with a least upper bound: Most, or the time given if that is shorter.
func (p Pace) UpTo(most time.Duration) Pace { return Pace{p.First, min(p.Most, most)} }

var (
	// Operation is of a client's operation, while ownership changes or after a member has died.
	Operation = Pace{10 * time.Millisecond, 500 * time.Millisecond}
	// Lookup is of a lookup that finds the ring between two owners. It is at most one base interval.
	Lookup = Pace{10 * time.Millisecond, 640 * time.Millisecond}
	// Leave is of a leaver whose handoff or departure has failed, or that waits for others.
	Leave = Pace{10 * time.Millisecond, 200 * time.Millisecond}
	// Busy is of a query that a peer has answered with BUSY, which it is for as long as a call takes.
	Busy = Pace{4 * time.Millisecond, 16 * time.Millisecond}
)

const (
	// Depart is the first wait of a leaver for its head's departure, or its predecessor's. It is at most one base interval.
	Depart = 10 * time.Millisecond
	// Reconcile is the time between two rounds in which a member settles what it owns, while work remains.
	Reconcile = 100 * time.Millisecond
	// Repair is the least time between two rounds of repair.
	Repair = 50 * time.Millisecond
	// RepairFailed is the time to the next round of repair after one that has failed.
	RepairFailed = time.Second
)
