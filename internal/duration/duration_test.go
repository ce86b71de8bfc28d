package duration

import (
	"regexp"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The text of any duration parses as the same duration, and contains no unit with the value 0.
func TestText(t *testing.T) {
	none := regexp.MustCompile(`[hm]0[ms]$`)
	check := func(t interface{ Errorf(string, ...any) }, d time.Duration) {
		text := Text(d)
		if back, err := time.ParseDuration(text); err != nil || back != d {
			t.Errorf("%d ns is formatted as %q, which parses as %d: %v", d, text, back, err)
		}
		if none.MatchString(text) {
			t.Errorf("%d ns is formatted as %q, with a unit of the value 0", d, text)
		}
	}
	for d, want := range map[time.Duration]string{
		0: "0s", time.Hour: "1h", 90 * time.Minute: "1h30m", time.Minute: "1m", 10 * time.Second: "10s", 24 * time.Hour: "24h", -time.Minute: "-1m",
		time.Hour + time.Second: "1h0m1s", 1500 * time.Millisecond: "1.5s", 70 * time.Second: "1m10s",
	} {
		if got := Text(d); got != want {
			t.Errorf("%d ns is formatted as %q, want %q", d, got, want)
		}
		check(t, d)
	}
	rapid.Check(t, func(t *rapid.T) {
		unit := rapid.SampledFrom([]time.Duration{1, time.Microsecond, time.Millisecond, time.Second, time.Minute, time.Hour}).Draw(t, "unit")
		check(t, unit*time.Duration(rapid.Int64Range(-100_000, 100_000).Draw(t, "count")))
	})
}
