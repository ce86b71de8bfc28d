package controller

import (
	"context"
	"time"

	"chordconductor/conductor/lab/judge/groundtruth"
	"chordconductor/conductor/lab/scenario"
	"chordconductor/conductor/ring"
	"chordconductor/node/chord"
)

// telemetryDelay is the delay of telemetry to the view without faults: an export interval, the view's own ticks, and the
// time between two looks.
const telemetryDelay = time.Second

// groundTruth is a member's own state, from its memory. Only the judgement of the view uses it; nothing of it reaches
// the view.
type groundTruth = groundtruth.State

func truthFrom(s chord.State) groundTruth {
	t := groundTruth{Incarnation: s.Self.Incarnation, Predecessor: s.Pred.ID}
	for _, p := range s.Live() {
		t.Successors = append(t.Successors, p.ID)
	}
	return t
}

// truthful is a Fleet that can return the ground truth of all its active members, or of those that answer in time.
type truthful interface {
	Truth(ctx context.Context) map[chord.ID]groundTruth
}

// askGroundTruth returns nil if the fleet has no ground truth, or should not be asked: members of this process are
// always asked, remote ones only by a scenario that has an expectation about it.
func (s *simulation) askGroundTruth(ctx context.Context) map[chord.ID]groundTruth {
	f, ok := s.fleet.(truthful)
	if _, far := s.fleet.(*Remote); !ok || far && !s.scenario.Expects(scenario.UnmarkedWrongFields) {
		return nil
	}
	return f.Truth(ctx)
}

// viewAccuracy compares the view with the ground truth, second by second, and counts the fields that were wrong for
// longer than the staleness bound although the member was not marked uncertain.
type viewAccuracy struct {
	measured bool
	unmarked uint64
	since    map[fieldOf]time.Time // fields that differ now, and since when; bounded by the members
}

type fieldOf struct {
	id    chord.ID
	field string
}

func (d *viewAccuracy) look(now time.Time, v *ring.View, truth map[chord.ID]groundTruth) {
	if len(truth) == 0 {
		clear(d.since) // whether a wrong field was wrong all the while is not known
		return
	}
	if d.since == nil {
		d.since = make(map[fieldOf]time.Time)
	}
	differs := make(map[fieldOf]time.Duration) // by the member's staleness bound
	for _, m := range v.Members {
		t, ok := truth[m.ID]
		if !ok || t.Incarnation != m.Incarnation || m.Uncertain || m.Status == ring.Silent {
			continue
		}
		d.measured = true
		bound := ring.StalenessBound(m.Keyframe, telemetryDelay)
		if m.Predecessor.ID != t.Predecessor {
			differs[fieldOf{m.ID, "predecessor"}] = bound
		}
		if !sameList(m, t.Successors) {
			differs[fieldOf{m.ID, "successors"}] = bound
		}
	}
	for f := range d.since {
		if differs[f] == 0 {
			delete(d.since, f)
		}
	}
	for f, bound := range differs {
		since, known := d.since[f]
		switch {
		case !known:
			d.since[f] = now
		case now.Sub(since) > bound:
			d.unmarked++
			d.since[f] = now // counted once per bound
		}
	}
}

func sameList(m *ring.Member, want []chord.ID) bool {
	i := 0
	for _, p := range m.Successors {
		if !p.Real() {
			continue
		}
		if i >= len(want) || p.ID != want[i] {
			return false
		}
		i++
	}
	return i == len(want)
}
