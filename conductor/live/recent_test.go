package live

import (
	"fmt"
	"testing"
	"time"

	"chordconductor/conductor/lookups"
)

// TestLookupsUntil reads the lookups that had ended by an instant: all recent ones, and a few of each moment before.
func TestLookupsUntil(t *testing.T) {
	l, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Unix(1000, 0)
	at := func(i int) time.Time { return start.Add(time.Duration(i) * time.Second) }
	for i := range lookupsKept + 100 {
		found := []lookups.Lookup{
			{Start: at(i), Duration: time.Millisecond, Operation: "get", Outcome: lookups.Success},
			{Start: at(i), Duration: time.Millisecond, Operation: "put", Outcome: lookups.Success},
		}
		for _, f := range found {
			l.done.add(f)
		}
		for _, f := range memorable(found) {
			l.memory.add(f)
		}
	}
	last := lookupsKept + 99
	for _, test := range []struct {
		until       time.Time
		limit, want int
		newest      int
	}{
		{at(last).Add(time.Second), 10, 10, last},
		{at(last), 10, 10, last - 1}, // the last one had not ended
		{at(5).Add(time.Second / 2), 100, 6, 5},
		{start, 10, 0, 0},
		{at(last).Add(time.Second), 5000, lookupsKept + (lookupsKept/2 + 100), last},
	} {
		got := l.LookupsUntil(test.until, test.limit)
		if len(got) != test.want || len(got) > 0 && !got[len(got)-1].Start.Equal(at(test.newest)) {
			t.Errorf("until %s: %d lookups, the last of %v; want %d, of %s", test.until, len(got), got[max(0, len(got)-1):], test.want, at(test.newest))
		}
		for i := 1; i < len(got); i++ {
			if got[i].Start.Before(got[i-1].Start) {
				t.Errorf("until %s: number %d is out of order", test.until, i)
			}
		}
	}
}

func TestTroubleIsRememberedFirst(t *testing.T) {
	var found []lookups.Lookup
	for i := range 30 {
		found = append(found, lookups.Lookup{Mode: fmt.Sprint(i), Outcome: lookups.Success})
		if i%3 == 0 {
			found[i].Outcome = lookups.Failed
		}
	}
	got := memorable(found)
	if len(got) != memorableTrouble+1 || got[0].Mode != "0" || got[3].Mode != "9" || got[4].Mode != "16" {
		t.Errorf("%v", got)
	}
	if memorable(nil) != nil {
		t.Error("no lookups, and some are kept")
	}
}
