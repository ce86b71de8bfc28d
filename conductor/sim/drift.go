package sim

import (
	"time"

	"chordconductor/conductor/ring"
	"chordconductor/node/chord"
)

// telemetryWay is what telemetry takes to the view where nothing ails it: an export interval, the view's own ticks, and
// the time between two looks.
const telemetryWay = time.Second

// A truth is what a member's own memory says. Only fleets in this process can tell, and only the judgement of the view
// uses it: it goes nowhere near the view.
type truth struct {
	Incarnation int64
	Predecessor chord.ID
	Successors  []chord.ID // real entries
}

// truthful is a Fleet that can tell the truth.
type truthful interface {
	Truth() map[chord.ID]truth
}

// truth is nil if the fleet cannot tell.
func (s *simulation) truth() map[chord.ID]truth {
	if f, ok := s.fleet.(truthful); ok {
		return f.Truth()
	}
	return nil
}

// drift compares the view with the truth, second by second, and counts the fields that were wrong for longer than the
// staleness bound although the member was not marked uncertain.
type drift struct {
	bound    time.Duration // ring.StalenessBound
	measured bool
	unmarked uint64
	since    map[fieldOf]time.Time // fields that differ now, and since when; bounded by the members
}

type fieldOf struct {
	id    chord.ID
	field string
}

func (d *drift) look(now time.Time, v *ring.View, truths map[chord.ID]truth) {
	if truths == nil {
		return
	}
	d.measured = true
	if d.since == nil {
		d.since = make(map[fieldOf]time.Time)
	}
	differs := make(map[fieldOf]bool)
	for _, m := range v.Members {
		t, ok := truths[m.ID]
		if !ok || t.Incarnation != m.Incarnation || m.Uncertain || m.Status == ring.Silent {
			continue
		}
		if m.Predecessor.ID != t.Predecessor {
			differs[fieldOf{m.ID, "predecessor"}] = true
		}
		if !sameList(m, t.Successors) {
			differs[fieldOf{m.ID, "successors"}] = true
		}
	}
	for f := range d.since {
		if !differs[f] {
			delete(d.since, f)
		}
	}
	for f := range differs {
		since, known := d.since[f]
		switch {
		case !known:
			d.since[f] = now
		case now.Sub(since) > d.bound:
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
