package chordevent

import "fmt"

// A Reason says in one word why a record was refused: fit for a metric label.
type Reason string

const (
	ReasonUnknown   Reason = "unknown_event" // the name begins with "chord." but is not in the vocabulary
	ReasonMissing   Reason = "missing"       // a required attribute is absent
	ReasonDuplicate Reason = "duplicate"     // an attribute stands twice
	ReasonType      Reason = "type"          // of another type than the table says
	ReasonSyntax    Reason = "syntax"        // not an identifier in hex digits
	ReasonRange     Reason = "range"         // a number out of bounds
	ReasonLength    Reason = "length"        // a string or list too long, or lists of unequal length
	ReasonValue     Reason = "value"         // not one of the words allowed
)

var reasons = []Reason{ReasonUnknown, ReasonMissing, ReasonDuplicate, ReasonType, ReasonSyntax, ReasonRange, ReasonLength, ReasonValue}

// A DecodeError says what is wrong with a record of ours.
type DecodeError struct {
	Event     string // the event name, cut to a printable length
	Attribute string // empty if none is to blame
	Reason    Reason
	Expected  string // what the vocabulary has there; empty if no attribute is to blame
	Got       string // what the record has, cut to a printable length; empty: nothing
}

func (e *DecodeError) Error() string {
	if e.Attribute == "" {
		return fmt.Sprintf("event %q: %s", e.Event, e.Reason)
	}
	got := e.Got
	if got == "" {
		got = "nothing"
	}
	return fmt.Sprintf("event %q, attribute %s: %s: expected %s, got %s", e.Event, e.Attribute, e.Reason, e.Expected, got)
}
