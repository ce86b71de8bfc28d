package member

import (
	"context"
	"testing"

	"chordconductor/internal/assertion"
	"chordconductor/internal/emissions"
	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// A transition that makes a list out of order, or the member its own predecessor, is counted; and applied, so that the
// member goes on.
func TestAssertionsCount(t *testing.T) {
	_, hosts := smallRing(t, 3)
	m := hosts[0].Any()
	counts := &assertion.Counts{}
	hosts[0].in.broken = counts
	why := because(context.Background())
	turn := func(s chord.State) chord.State {
		s.Succ = append([]chord.Peer{}, s.Succ...)
		s.Succ[0], s.Succ[1] = s.Succ[1], s.Succ[0]
		return s
	}
	m.apply(why, turn)
	if counts.Of(chordevent.AssertSuccessorList) != 1 || counts.Total() != 1 {
		t.Errorf("a list out of order: counted %d times, of %d", counts.Of(chordevent.AssertSuccessorList), counts.Total())
	}
	m.apply(why, turn) // and back
	m.apply(why, func(s chord.State) chord.State {
		s.Pred = s.Self
		return s
	})
	if counts.Of(chordevent.AssertPredecessor) != 1 || counts.Total() != 2 {
		t.Errorf("its own predecessor: counted %d times, of %d", counts.Of(chordevent.AssertPredecessor), counts.Total())
	}
}

// The metric has a series for each name from the start.
func TestAssertionsAreEmitted(t *testing.T) {
	seen := emissions.New()
	meters := seen.Metrics()
	if err := EmitAssertions(meters, &assertion.Counts{}); err != nil {
		t.Fatal(err)
	}
	if err := meters.Collect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if missing := seen.Unstarted([]*chordevent.Metric{&chordevent.NodeAssertions}); len(missing) > 0 {
		t.Error(missing)
	}
}
