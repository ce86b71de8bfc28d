package scenario

import (
	"slices"
	"strconv"
	"time"

	"chordconductor/internal/duration"
)

// A Metric is a measurement of a finished run that a scenario can bound from above.
type Metric string

const (
	LostKeys            Metric = "lost_keys"              // acknowledged writes that cannot be read at the end
	FinalRingError      Metric = "final_ring_error"       // ring error at the end, when every member is certain
	WrongLookups        Metric = "wrong_lookups"          // lookups whose answer was at no instant responsible for the key
	StaleReads          Metric = "stale_reads"            // reads that missed a write acknowledged before they started
	RefusedWritesShown  Metric = "refused_writes_shown"   // refused writes whose value a read has returned nevertheless
	FailedPer10k        Metric = "failed_lookups_per_10k" // operations that ended without an answer or were refused, per 10,000
	P99Lookup           Metric = "p99_lookup"             // 99th percentile of an operation's latency from its intended start
	MeanHops            Metric = "mean_hops"              // mean number of hops, the owner not counted
	RepairedWithin      Metric = "repaired_within"        // longest time from a phase's end to the next ideal ring whose members are all certain
	UnmarkedWrongFields Metric = "unmarked_wrong_fields"  // fields of the view that were wrong for long and not marked uncertain
	MaxViolations       Metric = "max_violations"         // the greatest number of simultaneous violations of the invariant
)

// metrics lists all metrics.
var metrics = []Metric{
	LostKeys, FinalRingError, WrongLookups, StaleReads, RefusedWritesShown, FailedPer10k, P99Lookup, MeanHops, RepairedWithin, UnmarkedWrongFields, MaxViolations,
}

// Metrics lists all metrics.
func Metrics() []Metric { return slices.Clone(metrics) }

// An Expectation is an upper bound of a metric.
type Expectation struct {
	Metric Metric  `json:"metric"`
	Bound  float64 `json:"bound"` // in Metric.Unit
}

// loadMetrics lists the metrics that can be measured only if operations were answered.
var loadMetrics = []Metric{LostKeys, WrongLookups, StaleReads, RefusedWritesShown, FailedPer10k, P99Lookup, MeanHops}

// Expects reports whether the scenario bounds a metric.
func (s *Scenario) Expects(m Metric) bool {
	return slices.ContainsFunc(s.Expect, func(e Expectation) bool { return e.Metric == m })
}

// Unit returns the unit of the metric's values and bounds, in UCUM notation.
func (m Metric) Unit() string {
	switch m {
	case LostKeys:
		return "{key}"
	case FinalRingError:
		return "{step}"
	case WrongLookups:
		return "{lookup}"
	case StaleReads:
		return "{read}"
	case RefusedWritesShown:
		return "{write}"
	case FailedPer10k:
		return "10*-4"
	case P99Lookup, RepairedWithin:
		return "s"
	case MeanHops:
		return "{hop}"
	case UnmarkedWrongFields:
		return "{field}"
	case MaxViolations:
		return "{violation}"
	}
	return ""
}

// Seconds reports whether the metric is a duration.
func (m Metric) Seconds() bool { return m.Unit() == "s" }

// Format writes a value of the metric for people.
func (m Metric) Format(v float64) string {
	if m.Seconds() {
		return duration.Text(time.Duration(v * float64(time.Second)).Round(100 * time.Microsecond))
	}
	return strconv.FormatFloat(v, 'g', 6, 64)
}
