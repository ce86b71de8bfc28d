package keeper

import (
	"fmt"
	"sync/atomic"
	"time"
)

// MaxClockAhead is how far another host's clock may be ahead. Hosts whose clocks differ by more do not take each
// other's calls, so that one wrong clock cannot push the versions of a whole ring into the future.
const MaxClockAhead = 500 * time.Millisecond

// clockShift is the width of the counter below the milliseconds of a stamp.
const clockShift = 16

// A Clock is a hybrid logical clock: Unix milliseconds, and below them a counter that keeps stamps growing within one
// millisecond and after a stamp from a faster clock. There is one per host, shared by its members.
type Clock struct {
	now  func() time.Time
	last atomic.Uint64 // the greatest stamp given or observed
}

// NewClock makes a hybrid logical clock over a physical one.
func NewClock(now func() time.Time) *Clock { return &Clock{now: now} }

// Now is a stamp greater than every one given or observed before.
func (c *Clock) Now() uint64 {
	physical := stampOf(c.now())
	for {
		last := c.last.Load()
		next := max(physical, last+1)
		if c.last.CompareAndSwap(last, next) {
			return next
		}
	}
}

// Observe takes note of a stamp from elsewhere. A stamp more than MaxClockAhead ahead is refused.
func (c *Clock) Observe(stamp uint64) error {
	if limit := stampOf(c.now().Add(MaxClockAhead)); stamp > limit {
		return fmt.Errorf("clock stamp is %v ahead of this host's clock: at most %v is allowed",
			timeOf(stamp).Sub(c.now()).Round(time.Millisecond), MaxClockAhead)
	}
	for {
		last := c.last.Load()
		if stamp <= last || c.last.CompareAndSwap(last, stamp) {
			return nil
		}
	}
}

func stampOf(t time.Time) uint64 { return uint64(max(t.UnixMilli(), 0)) << clockShift }

// timeOf is the physical part of a stamp.
func timeOf(stamp uint64) time.Time { return time.UnixMilli(int64(stamp >> clockShift)) }
