package sim

import (
	"errors"
	"fmt"
)

// What kind of error a command met. Errors wrap one of these, or are the gRPC status of the host that was asked.
var (
	ErrUnknown     = errors.New("unknown")     // no such member or host
	ErrInvalid     = errors.New("invalid")     // the command itself makes no sense
	ErrConflict    = errors.New("conflict")    // not in this state of things
	ErrUnavailable = errors.New("unavailable") // nobody there to do it now
)

// A refusal is a command's error: a kind, and one sentence.
type refusal struct {
	kind error
	text string
}

func (r *refusal) Error() string { return r.text }
func (r *refusal) Unwrap() error { return r.kind }

func refuse(kind error, format string, args ...any) error {
	return &refusal{kind, fmt.Sprintf(format, args...)}
}
