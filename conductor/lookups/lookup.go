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
	Timeouts         // the lookup succeeded, after candidates that did not answer
	Failed
)

// A Lookup is one finished lookup, which may be part of a get, a put, or a member's own maintenance. It is immutable.
type Lookup struct {
	Trace     trace.TraceID
	Span      trace.SpanID // of the span chord.lookup; distinguishes several lookups of one trace
	Ring      string
	Digits    int // hex digits of the lookup's identifiers
	Start     time.Time
	Duration  time.Duration
	Operation string // the operation that the lookup belongs to: lookup (a lookup by itself), get, put, delete, join, …
	Mode      string // recursive or iterative
	Key       chord.ID
	Hops      []Hop // the initiator first, the owner last
	Outcome   Outcome
	Err       string // the error of a failed lookup
	Whole     bool   // the lookup succeeded, and its hops lead from the initiator to the owner without a gap
}

// A Hop is one member's part of a lookup.
type Hop struct {
	ID       chord.ID
	Pointer  string        // the pointer of the previous hop's member that led here: finger or successor; self for the initiator; empty: not given
	Slot     int           // finger slot, or position in the successor list
	At       time.Duration // since the lookup's start, by the member's own clock; negative: unknown
	Clock    time.Duration // the least time by which the clock of the hop's host is ahead of the initiator's; negative: behind it; 0: not known to differ
	Timeouts int           // candidates before this member that did not answer
}
