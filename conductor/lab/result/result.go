package result

import (
	"slices"
	"time"

	"chordconductor/conductor/lab/load"
	"chordconductor/conductor/lab/scenario"
	"chordconductor/conductor/ring"
)

// A Result is all that a simulation measured. Package report makes it readable.
type Result struct {
	Scenario *scenario.Scenario
	Virtual  bool // ran in virtual time
	Finished bool // ran to its end
	Error    string
	Notes    []string      // deviations from the plan
	Started  time.Time     // in the runtime's time
	Elapsed  time.Duration // in the runtime's time

	Timeline   []Point
	Phases     []PhaseResult
	Repairs    []Repair
	Violations []ring.Violation // that were seen, oldest first, at most maxViolations
	Loads      []MemberLoad     // at the end, by ID
	Moves      Moves
	Slowest    []load.Slow
	Operations []OperationTime
	Keys       load.Verdict
	Lost       []LostKey // of Keys.Lost, at most maxLost
	Lookups    LookupVerdict
	Telemetry  Telemetry
	Checks     []Check
	Bits       int
}

// A Point is one second of the timeline.
type Point struct {
	At          time.Duration
	Members     ring.Counts
	Status      ring.Status
	RingError   uint64
	Unknown     uint64 // pointers that are not counted in RingError
	Certainty   ring.CertaintyState
	Uncertain   int // members that are not certain
	Violations  int
	Rate        float64 // operations answered per second
	Failed      uint64
	Refused     uint64 // puts
	P50, P99    time.Duration
	Lost        int
	StalenessMS float64 // p99, event timestamp to applied
}

// A PhaseResult is what happened from one phase's beginning to the next one's.
type PhaseResult struct {
	Name     string
	From, To time.Duration
	Counts   *load.Counts
	Over     time.Duration // when the phase had done everything, and the time of its repair began
	Repaired time.Duration // from the phase's end to the next ideal ring; negative: not before the run's end
	Measured bool          // false: there is nothing to repair after the phase

	Planned int  // what the phase requested: members started or stopped, hosts hit by a fault; for churn, the drawn schedule
	Done    int  // how much of it was done; a leave counts once the member is gone
	Partial bool // the scenario allows less to be done
}

// Short reports whether a phase did less than it requests, or sent fewer operations than were due, although the
// scenario does not allow that.
func (p PhaseResult) Short() bool {
	return !p.Partial && (p.Done < p.Planned || p.Counts != nil && p.Counts.Unsent > 0)
}

// A Repair is a time in which the ring was not ideal.
type Repair struct {
	From, To  time.Duration
	PeakError uint64
	Healed    bool // false: the run ended first
}

// MemberLoad has the keys that a member held, and the operations that it had served.
type MemberLoad struct {
	ID             string
	Share          float64 // of the circle that it owned
	Owned, Replica int64
	Bytes          int64
	Gets, Puts     int64
}

// Moves adds up the finished moves of keys, by reason.
type Moves struct {
	Join, Leave, Repair MoveSum
}

// MoveSum counts finished moves.
type MoveSum struct {
	Moves, Keys, Bytes int64
	Failed             int64
}

// OperationTime adds up the durations of spans: of one operation of all members, or of one member.
type OperationTime struct {
	Operation string // empty: all operations of a member
	Member    string // empty: all members
	Count     uint64
	Failed    uint64
	Total     time.Duration
	Max       time.Duration
}

// LookupVerdict judges the answers to lookups by the ownership that members reported.
type LookupVerdict struct {
	Judged   uint64
	Wrong    uint64
	Unjudged uint64 // no event about what the answering member owned at the time was received
}

// Telemetry describes how far the numbers about the ring can be trusted.
type Telemetry struct {
	Applied, Outdated uint64
	Lost              int64
	StalenessP50      time.Duration
	StalenessP99      time.Duration
	LookupsSampled    float64
	Unmarked          uint64 // fields that were wrong for longer than the staleness bound without a mark
	Uncertain         int    // members marked uncertain at the end
	UnmarkedMeasured  bool
}

// A Check is an expectation and what was measured for it.
type Check struct {
	Metric   scenario.Metric
	Bound    float64
	Value    float64
	Measured bool
	Allowed  bool // to be unmeasured
	Never    bool // no ideal ring occurred before the run's end; a Value in seconds is the time until then
	OK       bool
}

// Passed reports whether the simulation ran to its end, did everything that its phases request, and met every
// expectation.
func (r *Result) Passed() bool {
	if slices.ContainsFunc(r.Phases, PhaseResult.Short) {
		return false
	}
	for _, c := range r.Checks {
		if !c.OK {
			return false
		}
	}
	return r.Finished
}

// Total returns the counts of all phases together.
func (r *Result) Total() *load.Counts {
	total := new(load.Counts)
	for _, p := range r.Phases {
		total.Merge(p.Counts)
	}
	return total
}
