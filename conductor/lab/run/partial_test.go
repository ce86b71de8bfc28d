package run

import (
	"testing"

	"chordconductor/conductor/lab/scenario"
)

// TestPhasesThatDoLess requests more than a ring has. Parse does not detect it: the scenarios are for a ring that
// exists already, and each then gets a ring of its own.
func TestPhasesThatDoLess(t *testing.T) {
	for text, want := range map[string]struct {
		planned, done int
		passed        bool
	}{
		"crash: 2":                            {2, 2, true},
		"crash: 40":                           {40, 3, false},
		"crash: 40, allow_partial: true":      {40, 3, true},
		"leave: 1":                            {1, 1, true},
		"leave: 9, for: 16s":                  {9, 3, false},
		"pause: 9, for: 1s":                   {9, 3, false},
		"join: 3":                             {3, 3, true},
		"partition: {fraction: 0.5}, for: 1s": {2, 2, true},
		"partition: {fraction: 0.1}, for: 1s": {1, 1, true},
	} {
		s, err := scenario.Parse("x", []byte("phases: [{at: 10s, "+text+"}]\nduration: 40s\n"))
		if err != nil {
			t.Fatal(err)
		}
		s.OwnRing, s.Ring.Members = true, 4
		r, err := Virtual(t.Context(), s, Tap{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if p := r.Phases[1]; p.Planned != want.planned || p.Done != want.done || r.Passed() != want.passed {
			t.Errorf("%s: %d of %d done, passed %v; want %+v; notes %q", text, p.Done, p.Planned, r.Passed(), want, r.Notes)
		}
	}
}

// TestNothingMeasured: an expectation for which the run had nothing to measure does not pass, unless that is allowed.
func TestNothingMeasured(t *testing.T) {
	for text, want := range map[string]bool{"lost_keys: 0": false, "lost_keys: 0, allow_unmeasured: [lost_keys]": true} {
		s, err := scenario.Parse("x", []byte("workload: {rate: 5/s}\nduration: 5s\nexpect: {"+text+"}\n"))
		if err != nil {
			t.Fatal(err)
		}
		s.OwnRing, s.Ring.Members, s.Workload.Rate = true, 2, 0
		r, err := Virtual(t.Context(), s, Tap{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c := r.Checks[0]; c.Measured || c.OK != want || r.Passed() != want {
			t.Errorf("%s: %+v, passed %v", text, c, r.Passed())
		}
	}
}
