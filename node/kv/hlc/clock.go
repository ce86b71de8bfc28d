package hlc

import (
	"math"
	"sync/atomic"
	"time"
)

// MaxDifference is how much the clocks of two hosts may differ; TTLs are exact to this difference.
// A host whose clock differs by more from those of most other hosts leaves the ring (node/member).
// No call, stamp or stored version is refused for it, because an old stamp may come from any clock.
const MaxDifference = time.Minute

// clockShift is the width of the counter below the milliseconds of a stamp.
const clockShift = 16

// MaxStamp is the greatest stamp that a clock can show, that of the year 10000.
var MaxStamp = StampOf(time.Date(10000, time.January, 1, 0, 0, 0, 0, time.UTC))

// maxVersion is beyond every version that Ceiling allows before the year 2800.
const maxVersion = math.MaxUint64 - 1<<40

// Ceiling returns the greatest stamp that is accepted at a physical time. Any stamp that a clock can show is accepted:
// a version is not checked against its host's clock, which may have been wrong. A greater stamp comes from a counter
// that began at MaxStamp or below, after a clock or a peer had moved it there, and no host counts faster than
// 1<<clockShift a millisecond. So the ceiling rises faster than versions do: whatever a peer sends, there is room above
// it for all later writes.
func Ceiling(t time.Time) uint64 { return MaxStamp + min(StampOf(t), maxVersion-MaxStamp) }

// A Clock is a hybrid logical clock: Unix milliseconds, and below them a counter that keeps stamps growing within one
// millisecond and after a stamp from a faster clock. There is one per host, shared by its members.
type Clock struct {
	now  func() time.Time
	last atomic.Uint64 // the greatest stamp given or observed
}

// NewClock returns a hybrid logical clock over a physical one.
func NewClock(now func() time.Time) *Clock { return &Clock{now: now} }

// Now returns a stamp greater than every one given or observed before.
func (c *Clock) Now() uint64 {
	physical := StampOf(c.now())
	for {
		last := c.last.Load()
		next := max(physical, last+1)
		if c.last.CompareAndSwap(last, next) {
			return next
		}
	}
}

// Observe advances the clock past a received stamp, however far it is ahead, up to the ceiling.
func (c *Clock) Observe(stamp uint64) {
	if stamp > MaxStamp && stamp > Ceiling(c.now()) {
		return
	}
	for {
		last := c.last.Load()
		if stamp <= last || c.last.CompareAndSwap(last, stamp) {
			return
		}
	}
}

// Ceiling returns the greatest stamp that is accepted if the clock is behind by an allowance.
func (c *Clock) Ceiling(allowance time.Duration) uint64 { return Ceiling(c.now().Add(allowance)) }

// Millis returns the physical clock in Unix milliseconds, by which expiry is decided.
func (c *Clock) Millis() int64 { return c.now().UnixMilli() }

// StampOf returns the least stamp of a physical time.
func StampOf(t time.Time) uint64 { return uint64(max(t.UnixMilli(), 0)) << clockShift }

// TimeOf returns the physical part of a stamp.
func TimeOf(stamp uint64) time.Time { return time.UnixMilli(int64(stamp >> clockShift)) }
