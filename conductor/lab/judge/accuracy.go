package judge

import (
	"time"

	"chordconductor/conductor/lab/judge/groundtruth"
	"chordconductor/conductor/ring"
	"chordconductor/node/chord"
)

// telemetryDelay is how long telemetry takes to the view without faults: an export interval, the view's own interval,
// and the time between two looks at the view.
const telemetryDelay = time.Second

// Accuracy compares the view with the ground truth, second by second, and counts the fields that were wrong for
// longer than the staleness bound although the member was not marked uncertain.
type Accuracy struct {
	Measured bool
	Unmarked uint64
	since    map[fieldOf]time.Time // fields that differ now, and since when; bounded by the members
}

type fieldOf struct {
	id    chord.ID
	field string
}

// Look compares a view with the ground truth of the same instant (nil: not known).
func (d *Accuracy) Look(now time.Time, v *ring.View, truth map[chord.ID]groundtruth.State) {
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
		d.Measured = true
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
			d.Unmarked++
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
