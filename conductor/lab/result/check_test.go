package result

import (
	"testing"

	"chordconductor/conductor/lab/load"
	"chordconductor/conductor/lab/scenario"
	"chordconductor/conductor/ring"
)

// Only reads find refused writes: without reads, or without refused writes, there is nothing to measure, and the
// expectation does not pass.
func TestRefusedWritesShown(t *testing.T) {
	for name, c := range map[string]struct {
		refused, gets uint64
		shown         int
		measured, ok  bool
	}{
		"none refused":  {0, 5, 0, false, false},
		"none read":     {3, 0, 0, false, false},
		"none shown":    {3, 5, 0, true, true},
		"one was shown": {3, 5, 1, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			counts := &load.Counts{Refused: c.refused}
			for range c.gets {
				counts.Latency[load.Get].Add(1)
			}
			r := &Result{
				Scenario: &scenario.Scenario{Expect: []scenario.Expectation{{Metric: scenario.RefusedWritesShown}}},
				Phases:   []PhaseResult{{Counts: counts}}, Keys: load.Verdict{Refused: c.shown},
			}
			r.CheckExpectations(&ring.View{})
			if got := r.Checks[0]; got.Measured != c.measured || got.OK != c.ok || got.Value != float64(c.shown) {
				t.Errorf("%+v", got)
			}
		})
	}
}

// What a run did not exercise is not measured, whatever the metric: neither without observations, nor if all observed
// values were unknown.
func TestNothingSeenMeasuresNothing(t *testing.T) {
	for name, timeline := range map[string][]Point{"nothing": nil, "unknown": {{Status: ring.Unknown}, {Status: ring.Unknown, Certainty: ring.NothingCertain}}} {
		for _, finished := range []bool{true, false} {
			for _, metric := range scenario.Metrics() {
				r := &Result{
					Scenario: &scenario.Scenario{Expect: []scenario.Expectation{{Metric: metric, Bound: 1e9}}},
					Phases:   []PhaseResult{{Counts: &load.Counts{}}}, Timeline: timeline, Finished: finished,
				}
				r.CheckExpectations(&ring.View{Status: ring.Unknown, Certainty: ring.Certainty{State: ring.NothingCertain}})
				if c := r.Checks[0]; c.Measured || c.OK || r.Passed() {
					t.Errorf("%s, finished %v: %+v", name, finished, c)
				}
			}
		}
	}
}

// The ring error at the end passes only in an ideal ring in which everything is certain, whatever the error and the
// bound.
func TestFinalRingErrorNeedsAnIdealRing(t *testing.T) {
	for _, status := range []ring.Status{ring.Unknown, ring.Forming, ring.Ideal, ring.Repairing, ring.Violated} {
		for _, certainty := range []ring.CertaintyState{ring.NothingCertain, ring.PartlyCertain, ring.AllCertain} {
			for _, finished := range []bool{true, false} {
				r := &Result{
					Scenario: &scenario.Scenario{Expect: []scenario.Expectation{{Metric: scenario.FinalRingError, Bound: 5}}},
					Timeline: []Point{{Status: status, Certainty: certainty}}, Finished: finished,
				}
				r.CheckExpectations(&ring.View{Status: status, Certainty: ring.Certainty{State: certainty}})
				measured := certainty == ring.AllCertain && status != ring.Unknown
				if c := r.Checks[0]; c.Measured != measured || c.OK != (measured && status == ring.Ideal) || c.Never != (measured && status != ring.Ideal) {
					t.Errorf("%v, %v, finished %v: %+v", status, certainty, finished, c)
				}
			}
		}
	}
}

// Before the end, only the keys that the load happened to read have been looked for.
func TestLostKeysAreMeasuredAtTheEnd(t *testing.T) {
	for name, c := range map[string]struct {
		finished     bool
		lost         int
		measured, ok bool
	}{"at the end": {true, 0, true, true}, "before": {false, 0, false, false}, "found before": {false, 1, true, false}} {
		r := &Result{
			Scenario: &scenario.Scenario{Expect: []scenario.Expectation{{Metric: scenario.LostKeys}}},
			Finished: c.finished, Keys: load.Verdict{Written: 5, Lost: c.lost},
		}
		r.CheckExpectations(&ring.View{})
		if got := r.Checks[0]; got.Measured != c.measured || got.OK != c.ok {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
