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

// A Lookup is one finished lookup, or the lookup inside a get, put or delete. Immutable.
type Lookup struct {
	Trace     trace.TraceID
	Start     time.Time
	Duration  time.Duration
	Operation string // lookup, get, put or delete
	Mode      string // recursive or iterative
	Key       chord.ID
	Hops      []Hop // the initiator first, the owner last
	Outcome   Outcome
	Err       string // of a failed one
}

// A Hop is one member's part of a lookup.
type Hop struct {
	ID       chord.ID
	Pointer  string        // how the hop before found it: self (the initiator), finger, successor or cache
	Slot     int           // finger slot, or index in the successor list
	At       time.Duration // since the lookup's start, by the member's own clock
	Timeouts int           // candidates tried in vain before it
}

// A Span is what Decode keeps of one span of a lookup.
type Span struct {
	Trace      trace.TraceID
	ID, Parent trace.SpanID
	Name       string
	Node       chord.ID
	Start, End time.Time
	Mode       string
	Key        chord.ID
	Index      int // hop index; 0 is the initiator
	Pointer    string
	Slot       int
	Timeouts   int
	Owner      chord.ID
	Failed     bool
	Err        string
}
