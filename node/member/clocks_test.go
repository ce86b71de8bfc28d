package member

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// A host compares its clock with those of others: which one it names, by how much it is off and in which direction, and
// from how many on it takes its own for the wrong one.
func TestClockView(t *testing.T) {
	start, wall := time.Unix(1000, 0), time.Unix(2_000_000, 0)
	for _, test := range []struct {
		others []time.Duration // by how much this host's clock is ahead of each
		wrong  bool
		text   string
	}{
		{[]time.Duration{90 * time.Second}, false, "1m30s ahead of that of h0"},
		{[]time.Duration{time.Second, -90 * time.Second}, false, "1m30s behind that of h1"},
		{[]time.Duration{90 * time.Second, 95 * time.Second}, false, "1m35s ahead of that of h1"},
		{[]time.Duration{90 * time.Second, 95 * time.Second, 0}, true, "1m30s ahead of the others': more than 1m from 2 of 3 hosts"},
		{[]time.Duration{-90 * time.Second, -95 * time.Second, -80 * time.Second}, true, "1m30s behind the others': more than 1m from 3 of 3 hosts"},
		{[]time.Duration{-90 * time.Second, -95 * time.Second, 0, 0}, false, "1m35s behind that of h1"},
	} {
		c := clocks{start: start}
		for i, ahead := range test.others {
			c.note(fmt.Sprint("h", i), wall.Add(-ahead).UnixMilli(), start)
		}
		v := c.compare(start, wall, time.Minute)
		if v.wrong() != test.wrong || !strings.Contains(v.String(), test.text) {
			t.Errorf("ahead by %v: wrong: %t, %q, want %t, %q", test.others, v.wrong(), v, test.wrong, test.text)
		}
	}
}
