package sim

import (
	"testing"

	"chordconductor/conductor/ring"
	"chordconductor/conductor/sim/load"
	"chordconductor/conductor/sim/scenario"
)

// Refused writes are looked for by reads: without either there is nothing to measure, and the expectation does not hold.
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
			r.judge(&ring.View{})
			if got := r.Checks[0]; got.Measured != c.measured || got.OK != c.ok || got.Value != float64(c.shown) {
				t.Errorf("%+v", got)
			}
		})
	}
}
