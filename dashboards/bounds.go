package main

import "math"

// Default bounds of the programs, from which thresholds follow. A test compares each constant with
// the line of code that sets it.
const (
	successors        = 8    // a ring of no more members than that is small
	stabilizeInterval = 0.5  // s; conditions on the whole ring must be violated for two intervals before they count
	callLimit         = 1.0  // s; a caller skips a member that does not answer within it
	keyframe          = 10.0 // s
	stalenessPeriods  = 1.5  // keyframe periods without an event after which a member is uncertain
	silentPeriods     = 3    // keyframe periods without telemetry after which a member is silent
	forwardQueue      = 32 << 20
	nodeQueue         = 1 << 16 // event records
	viewers           = 256
)

// Bounds from the Chord paper, for what the programs do not bound: in its worst run under churn, 16
// lookups of 10,000 failed (ToN, Table III), and lookups take ½ log2 N hops on average, and at most
// about log2 N with high probability (ToN, section IV.D).
const (
	aFailure    = 1e-4
	worstFailed = 16e-4
)

// A queue is yellow at half of its length, and red at nine tenths, where it will soon lose records.
const (
	halfFull   = 0.5
	almostFull = 0.9
)

// queueLimits returns the limits of a panel that shows a queue with the given bound.
func queueLimits(bound float64, of string) []limit {
	return []limit{{math.Round(halfFull * bound), yellow, "half of " + of}, {math.Round(almostFull * bound), red, "nine tenths"}}
}

// Lookups, gets and puts make calls, each of which may take up to the call limit.
var latencyLimits = []limit{{callLimit / 2, yellow, "half of what one call may take"}, {callLimit, red, "the limit of a call (--call-limit): a member on the path did not answer"}}

// A view with a staleness of more than a stabilize interval may show pointers that have changed since.
var stalenessLimits = []limit{{stabilizeInterval, yellow, "a stabilize interval (--stabilize)"}, {2 * stabilizeInterval, red, "two: the grace after which conditions on the whole ring count as violated"}}
