package retry

import (
	"slices"
	"testing"
	"time"
)

// TestPace: waits double from the first one up to the greatest, and stay there.
func TestPace(t *testing.T) {
	const ms = time.Millisecond
	for name, x := range map[string]struct {
		pace Pace
		want []time.Duration
	}{
		"busy":                 {Busy, []time.Duration{4 * ms, 8 * ms, 16 * ms, 16 * ms}},
		"leave":                {Leave, []time.Duration{10 * ms, 20 * ms, 40 * ms, 80 * ms, 160 * ms, 200 * ms, 200 * ms}},
		"lookup, a fast ring":  {Lookup.UpTo(25 * ms), []time.Duration{10 * ms, 20 * ms, 25 * ms, 25 * ms}},
		"lookup, faster still": {Lookup.UpTo(3 * ms), []time.Duration{3 * ms, 3 * ms}},
		"lookup, a slow ring":  {Lookup.UpTo(time.Second), []time.Duration{10 * ms, 20 * ms, 40 * ms, 80 * ms, 160 * ms, 320 * ms, 640 * ms, 640 * ms}},
	} {
		var got []time.Duration
		for gap := time.Duration(0); len(got) < len(x.want); {
			gap = x.pace.Next(gap)
			got = append(got, gap)
		}
		if !slices.Equal(got, x.want) {
			t.Errorf("%s: %v, want %v", name, got, x.want)
		}
	}
}
