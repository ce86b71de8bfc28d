package lookups

import (
	"time"

	"go.opentelemetry.io/otel/trace"

	"chordconductor/node/chord"
)

// Outcome is how a lookup ended.
type Outcome uint8

const (
	Success  Outcome = iota + 1
	Timeouts         // it succeeded, after candidates that did not answer
	Failed
)

// A Lookup is one finished lookup, which may be part of a get, a put, or a member's own maintenance. It is immutable.
type Lookup struct {
	Trace     trace.TraceID
	Span      trace.SpanID // of chord.lookup; distinguishes several lookups of one trace
	Ring      string
	Digits    int // hex digits of its identifiers
	Start     time.Time
	Duration  time.Duration
	Operation string // the operation it belongs to: lookup (its own), get, put, delete, join, …
	Mode      string // recursive or iterative
	Key       chord.ID
	Hops      []Hop // the initiator first, the owner last
	Outcome   Outcome
	Err       string // of a failed one
	Whole     bool   // it succeeded, and its hops lead from the initiator to the owner without a gap
}

// A Hop is one member's part of a lookup.
type Hop struct {
	ID       chord.ID
	Pointer  string        // how the previous hop found it: finger or successor; self for the initiator; empty: not given
	Slot     int           // finger slot, or position in the successor list
	At       time.Duration // since the lookup's start, by the member's own clock; negative: unknown
	Clock    time.Duration // its host's clock is ahead of the initiator's by at least this; negative: behind; 0: not known to differ
	Timeouts int           // candidates before it that did not answer
}
