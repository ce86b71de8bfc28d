package result

import (
	"slices"
	"time"

	"chordconductor/conductor/lab/load"
	"chordconductor/conductor/lab/scenario"
	"chordconductor/conductor/ring"
)

// CheckExpectations measures every metric that the scenario bounds.
func (r *Result) CheckExpectations(v *ring.View) {
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

// measure returns a metric's value. It returns false if the run could not measure it.
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

// finalError returns the ring error at the end, if everything is certain. never is true if the ring is not ideal then:
// a ring that violates the invariant may have an error of 0.
func (r *Result) finalError(v *ring.View) (steps float64, measured, never bool) {
	last := Point{Status: v.Status, RingError: v.Error, Certainty: v.Certainty.State}
	if n := len(r.Timeline); r.Finished && n > 0 {
		last = r.Timeline[n-1]
	}
	measured = last.Status != ring.Unknown && last.Certainty == ring.AllCertain
	return float64(last.RingError), measured, measured && last.Status != ring.Ideal
}

// longestRepair returns the longest time from a phase's end to the next ideal ring. never is true if there was no ideal
// ring before the run's end; the time is then the one until the end.
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
