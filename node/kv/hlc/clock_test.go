package hlc

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestClockGrows: whatever the physical clock does, stamps grow, and exceed every stamp observed, however far ahead.
func TestClockGrows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.UnixMilli(1_000_000)
		c := NewClock(func() time.Time { return now })
		var greatest uint64
		t.Repeat(map[string]func(*rapid.T){
			"now": func(t *rapid.T) {
				stamp := c.Now()
				if stamp <= greatest {
					t.Fatalf("stamp %d after %d", stamp, greatest)
				}
				greatest = stamp
			},
			"observe": func(t *rapid.T) {
				ahead := time.Duration(rapid.Int64Range(-1000, 365*24*3600*1000).Draw(t, "ahead")) * time.Millisecond
				stamp := StampOf(now.Add(ahead)) + rapid.Uint64Range(0, 1<<clockShift-1).Draw(t, "counter")
				c.Observe(stamp)
				greatest = max(greatest, stamp)
			},
			"time": func(t *rapid.T) { // also backwards
				now = now.Add(time.Duration(rapid.IntRange(-50_000, 100_000).Draw(t, "ms")) * time.Millisecond)
			},
		})
	})
}

// TestNoStampEndsTheClock: the greatest stamps that a peer can forge leave room for all that are ever given, at any
// time until the year 2800.
func TestNoStampEndsTheClock(t *testing.T) {
	now := time.Now()
	c := NewClock(func() time.Time { return now })
	for now.Year() < 2800 {
		for _, stamp := range []uint64{math.MaxUint64, math.MaxUint64 - 1, Ceiling(now) + 1, Ceiling(now), MaxStamp + 1, MaxStamp} {
			c.Observe(stamp)
		}
		if got := c.Now(); got > Ceiling(now)+1 {
			t.Fatalf("%v: after forged stamps the clock shows %d, beyond %d", now, got, Ceiling(now))
		}
		now = now.Add(time.Millisecond)
		if before, next := c.Now(), Ceiling(now); before >= next || next > maxVersion {
			t.Fatalf("%v: a millisecond later the clock shows %d, and up to %d is accepted", now, before, next)
		}
		now = now.AddDate(1, 0, 0)
	}
}
