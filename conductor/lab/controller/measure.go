package controller

import (
	"maps"
	"slices"
	"time"

	"chordconductor/conductor/lab/load"
	"chordconductor/conductor/lab/scenario"
	"chordconductor/conductor/ring"
	"chordconductor/node/chord"
)

// result collects what has been measured up to now.
func (s *simulation) result() *Result {
	view := s.view()
	counts := s.driver.Phases()
	r := &Result{
		Scenario: s.scenario, Virtual: s.virtual, Started: s.began,
		Moves: s.watch.Moves(), Lookups: s.watch.Lookups(), Slowest: s.driver.Slowest(), Keys: s.driver.Verdict(),
		Loads: loads(view), Bits: view.Bits, Operations: s.watch.Operations(),
	}
	r.Telemetry.Lost, r.Telemetry.Outdated, r.Telemetry.Uncertain = view.Counts.Lost, view.Counts.Outdated, view.Certainty.Count
	r.Telemetry.Applied, r.Telemetry.LookupsSampled = view.Counts.Applied, -1
	if s.stats != nil {
		st := s.stats()
		r.Telemetry.StalenessP50, r.Telemetry.StalenessP99 = st.StalenessP50, st.StalenessP99
		r.Telemetry.LookupsSampled = st.LookupsSampled
	}

	if r.Keys.Lost > 0 {
		r.Lost = s.watch.Lost(s.driver.Lost(maxLost), view)
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	r.Finished, r.Error, r.Elapsed = s.finished, s.failure, s.took
	r.Timeline = slices.Clone(s.timeline)
	r.Repairs = slices.Clone(s.repairs)
	r.Notes = slices.Clone(s.notes)
	r.Telemetry.Unmarked, r.Telemetry.UnmarkedMeasured = s.accuracy.unmarked, s.accuracy.measured
	for _, key := range slices.Sorted(maps.Keys(s.violations)) { // several can begin at one instant
		r.Violations = append(r.Violations, s.violations[key])
	}
	slices.SortStableFunc(r.Violations, func(a, b ring.Violation) int { return a.Since.Compare(b.Since) })
	r.Phases = slices.Clone(s.results)
	for i := range r.Phases {
		r.Phases[i].Counts = new(load.Counts)
		if i < len(counts) {
			r.Phases[i].Counts = counts[i]
		}
	}
	if n := len(r.Phases); n > 0 {
		r.Phases[n-1].To = r.Elapsed
	}
	s.blame(r.Lost)
	r.check(view)
	return r
}

// loads lists what the members on the ring hold.
func loads(v *ring.View) []MemberLoad {
	bits := v.Bits
	if bits == 0 {
		return nil
	}
	space, err := chord.NewSpace(bits)
	if err != nil {
		return nil
	}
	var list []MemberLoad
	for _, m := range v.Members {
		if m.Status != ring.Active {
			continue
		}
		l := MemberLoad{
			ID: space.Format(m.ID), Owned: m.Load.OwnedKeys, Replica: m.Load.ReplicaKeys, Bytes: m.Load.Bytes,
			Gets: m.Load.Gets, Puts: m.Load.Puts,
		}
		if m.Ownership.Owns {
			if l.Share = space.Fraction(space.Distance(m.Ownership.From, m.ID)); l.Share == 0 {
				l.Share = 1 // from itself to itself: the whole circle
			}
		}
		list = append(list, l)
	}
	return list
}

// check measures every metric that the scenario bounds.
func (r *Result) check(v *ring.View) {
	for _, e := range r.Scenario.Expect {
		c := Check{Metric: e.Metric, Bound: e.Bound}
		switch e.Metric {
		case scenario.RepairedWithin:
			c.Value, c.Measured, c.Never = r.longestRepair()
		case scenario.FinalRingError:
			c.Value, c.Measured, c.Never = r.finalError(v)
		default:
			c.Value, c.Measured = r.measure(e.Metric, v)
		}
		c.Allowed = slices.Contains(r.Scenario.AllowUnmeasured, e.Metric)
		c.OK = c.Measured && !c.Never && c.Value <= c.Bound || !c.Measured && c.Allowed
		r.Checks = append(r.Checks, c)
	}
}

// measure returns a metric's value; false if it could not be measured in this run.
func (r *Result) measure(m scenario.Metric, v *ring.View) (float64, bool) {
	total := r.Total()
	done := total.Done()
	switch m {
	case scenario.LostKeys:
		return float64(r.Keys.Lost), r.Keys.Written > 0 && (r.Finished || r.Keys.Lost > 0) // all are read at the end
	case scenario.WrongLookups:
		return float64(r.Lookups.Wrong), r.Lookups.Judged > 0
	case scenario.StaleReads:
		return float64(total.Stale), total.Latency[load.Get].Count() > 0
	case scenario.RefusedWritesShown:
		return float64(r.Keys.Refused), total.Refused > 0 && total.Latency[load.Get].Count() > 0
	case scenario.FailedPer10k:
		failed := total.Failed + total.Refused
		all := done + failed
		return 1e4 * float64(failed) / float64(max(all, 1)), all > 0
	case scenario.P99Lookup:
		return float64(total.All().Quantile(0.99)) / 1e6, done > 0
	case scenario.MeanHops:
		return total.Hops.Mean(), total.Hops.Count() > 0
	case scenario.UnmarkedWrongFields:
		return float64(r.Telemetry.Unmarked), r.Telemetry.UnmarkedMeasured
	case scenario.MaxViolations:
		most, known := 0, false
		for _, p := range r.Timeline {
			most, known = max(most, p.Violations), known || p.Status != ring.Unknown
		}
		return float64(most), known
	}
	return 0, false
}

// finalError is the ring error at the end, where all is certain. never: the ring is not ideal then. One that violates the
// invariant may have an error of 0.
func (r *Result) finalError(v *ring.View) (steps float64, measured, never bool) {
	last := Point{Status: v.Status, RingError: v.Error, Certainty: v.Certainty.State}
	if n := len(r.Timeline); r.Finished && n > 0 {
		last = r.Timeline[n-1]
	}
	measured = last.Status != ring.Unknown && last.Certainty == ring.AllCertain
	return float64(last.RingError), measured, measured && last.Status != ring.Ideal
}

// longestRepair is the longest time from a phase's end to the next ideal ring. If never, there was none before the
// run's end, and the time is that until the end.
func (r *Result) longestRepair() (seconds float64, measured, never bool) {
	var longest time.Duration
	for _, p := range r.Phases {
		if !p.Measured {
			continue
		}
		measured = true
		took := p.Repaired
		if took < 0 {
			never = true
			took = r.Elapsed - p.Over
		}
		longest = max(longest, took)
	}
	return longest.Seconds(), measured, never
}
