package report

import (
	"time"

	"chordconductor/conductor/lab/load"
	"chordconductor/conductor/lab/scenario"
)

// In reports, as in the API, names of durations of a run end in _s, seconds, and names of latencies in _ms,
// milliseconds. The embedded fields that end in _ns, and latency_us of Report, have the names of earlier versions; the
// next major version removes them.

// Plan describes the scenario that ran.
type Plan struct {
	scenario.Scenario
	DurationS float64     `json:"duration_s"` // 0: until stopped
	Timing    PlanTiming  `json:"timing"`
	Network   PlanNetwork `json:"network"`
	Phases    []PlanPhase `json:"phases"`
	Expect    []PlanBound `json:"expect"`
}

// PlanTiming has the periods of the members' tasks.
type PlanTiming struct {
	scenario.Timing
	StabilizeS float64 `json:"stabilize_s"`
	CallLimitS float64 `json:"call_limit_s"` // 0: derived from the network
	KeyframeS  float64 `json:"keyframe_s"`
}

// PlanNetwork has the conditions for every message between members.
type PlanNetwork struct {
	scenario.Network
	LatencyMS float64 `json:"latency_ms"`
	JitterMS  float64 `json:"jitter_ms"`
}

// PlanPhase is a phase, as the scenario defines it.
type PlanPhase struct {
	scenario.Phase
	AtS    float64 `json:"at_s"`
	ForS   float64 `json:"for_s"` // 0: an instant
	Action any     `json:"action"`
}

// PlanSlowLink is a phase's action that adds latency.
type PlanSlowLink struct {
	scenario.SlowLink
	LatencyMS float64 `json:"latency_ms"`
}

// PlanBound is an expectation of the scenario.
type PlanBound struct {
	scenario.Expectation
	Unit string `json:"unit"` // of the bound, as UCUM writes it: s, {key}, …
}

// LatencyBucket counts the operations with a latency up to the bucket's and above that of the previous bucket.
type LatencyBucket struct {
	TopMS float64 `json:"top_ms"`
	Count uint64  `json:"count"`
}

// planOf returns a scenario as the report shows it.
func planOf(s *scenario.Scenario) Plan {
	p := Plan{
		Scenario: *s, DurationS: s.Duration.Seconds(),
		Timing:  PlanTiming{s.Timing, s.Timing.Stabilize.Seconds(), s.Timing.CallLimit.Seconds(), s.Timing.Keyframe.Seconds()},
		Network: PlanNetwork{s.Network, millis(s.Network.Latency), millis(s.Network.Jitter)},
		Phases:  make([]PlanPhase, 0, len(s.Phases)),
		Expect:  make([]PlanBound, 0, len(s.Expect)),
	}
	for _, phase := range s.Phases {
		out := PlanPhase{phase, phase.At.Seconds(), phase.For.Seconds(), phase.Action}
		if a, ok := phase.Action.(scenario.SlowLink); ok {
			out.Action = PlanSlowLink{a, millis(a.Latency)}
		}
		p.Phases = append(p.Phases, out)
	}
	for _, e := range s.Expect {
		p.Expect = append(p.Expect, PlanBound{e, e.Metric.Unit()})
	}
	return p
}

// latencies converts buckets of microseconds to milliseconds.
func latencies(us []load.Bucket) []LatencyBucket {
	out := make([]LatencyBucket, 0, len(us))
	for _, b := range us {
		out = append(out, LatencyBucket{usec(b.Top), b.Count})
	}
	return out
}

// millis does not round, so that the numbers of a scenario stay unchanged.
func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
