package keeper

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestClockGrows: whatever the physical clock does, stamps grow, and exceed every stamp observed.
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
				ahead := time.Duration(rapid.IntRange(-1000, 1000).Draw(t, "ahead")) * time.Millisecond
				stamp := stampOf(now.Add(ahead)) + rapid.Uint64Range(0, 1<<clockShift-1).Draw(t, "counter")
				err := c.Observe(stamp)
				if refuse := stamp > stampOf(now.Add(MaxClockAhead)); (err != nil) != refuse {
					t.Fatalf("Observe of a stamp %v ahead: %v", ahead, err)
				}
				if err == nil {
					greatest = max(greatest, stamp)
				}
			},
			"time": func(t *rapid.T) { // also backwards
				now = now.Add(time.Duration(rapid.IntRange(-50, 1000).Draw(t, "ms")) * time.Millisecond)
			},
		})
	})
}

func TestClockKeepsNearTime(t *testing.T) {
	now := time.UnixMilli(1_000_000)
	c := NewClock(func() time.Time { return now })
	if err := c.Observe(stampOf(now.Add(10 * time.Second))); err == nil {
		t.Fatal("a stamp 10 s ahead is taken over")
	}
	if got := timeOf(c.Now()); !got.Equal(now) {
		t.Errorf("after a refused stamp the clock says %v, want %v", got, now)
	}
}
