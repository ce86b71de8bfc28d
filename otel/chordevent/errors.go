package chordevent

import (
	"fmt"
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/otel/attribute"
)

// A Reason is why a record was refused, as one word that can be a metric label.
type Reason string

const (
	ReasonUnknown   Reason = "unknown_event" // the name begins with "chord.", in whatever letters or field, but is not in the vocabulary
	ReasonMissing   Reason = "missing"       // a required attribute is absent
	ReasonDuplicate Reason = "duplicate"     // an attribute occurs twice
	ReasonType      Reason = "type"          // of another type than the table has
	ReasonSyntax    Reason = "syntax"        // not an identifier in hex digits
	ReasonRange     Reason = "range"         // a number out of bounds
	ReasonLength    Reason = "length"        // a string or list too long, or lists of unequal length
	ReasonValue     Reason = "value"         // not one of the values allowed
)

// Reasons returns all reasons.
func Reasons() []Reason { return slices.Clone(reasons) }

var reasons = []Reason{ReasonUnknown, ReasonMissing, ReasonDuplicate, ReasonType, ReasonSyntax, ReasonRange, ReasonLength, ReasonValue}

// A DecodeError describes what is wrong with a record of the vocabulary.
type DecodeError struct {
	Event     string // the event name, shortened to a printable length
	Attribute string // empty if the error is not about one attribute
	Reason    Reason
	Expected  string // what the vocabulary has there; empty if the error is not about one attribute
	Got       string // what the record has, shortened to a printable length; empty: nothing
	Span      bool   // it is a span, and Event its name
}

// SpanError describes what is wrong with an attribute of a span; v is nil if the span does not have it.
func SpanError(name string, key attribute.Key, why Reason, want string, v *pcommon.Value) *DecodeError {
	e := &DecodeError{Event: name, Attribute: string(key), Reason: why, Expected: want, Span: true}
	if v != nil {
		e.Got = got(*v)
	}
	return e
}

func (e *DecodeError) Error() string {
	what := "event"
	if e.Span {
		what = "span"
	}
	if e.Attribute == "" {
		return fmt.Sprintf("%s %q: %s", what, e.Event, e.Reason)
	}
	got := e.Got
	if got == "" {
		got = "nothing"
	}
	return fmt.Sprintf("%s %q, attribute %s: %s: expected %s, got %s", what, e.Event, e.Attribute, e.Reason, e.Expected, got)
}
