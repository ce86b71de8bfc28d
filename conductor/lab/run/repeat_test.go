package run

import (
	"fmt"
	"strings"
	"testing"

	"chordconductor/conductor/lab/scenario"
)

// Two runs of one seed have the same result, to the last number; another seed has another result.
func TestVirtualRunsRepeat(t *testing.T) {
	source := "seed: %d\nring: {members: 12, successors: 4}\nnetwork: {latency: 5ms, jitter: 5ms, loss: 0.01}\nworkload: {rate: 50/s, poisson: true}\n" +
		"phases:\n- {at: 5s, churn: {join: 0.5/s, leave: 0.3/s, crash: 0.3/s}, for: 10s}\n- {at: 18s, partition: {fraction: 0.3}, for: 3s}\nduration: 30s\n"
	figures := func(seed int) string {
		s, err := scenario.Parse("test", []byte(strings.Replace(fmt.Sprintf(source, seed), "ring: {", "ring: {transport: memory, ", 1)))
		if err != nil {
			t.Fatal(err)
		}
		r, err := Virtual(t.Context(), s, Tap{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		var events []string
		for _, p := range r.Timeline {
			events = append(events, fmt.Sprintf("%v %+v %v %d %v %v %d", p.At, p.Members, p.Status, p.RingError, p.Rate, p.P99, p.Lost))
		}
		return fmt.Sprintf("%v %+v %+v %+v %+v %+v", events, r.Moves, r.Lookups, r.Keys, r.Operations, r.Violations)
	}
	one := figures(1)
	if figures(1) != one {
		t.Error("two runs of one seed differ")
	}
	if figures(2) == one {
		t.Error("two seeds give one run")
	}
}
