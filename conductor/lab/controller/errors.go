package controller

import (
	"errors"
	"fmt"
)

// Kinds of errors of a command. An error wraps one of these, or is the gRPC status of the host that was asked.
var (
	ErrUnknown     = errors.New("unknown")     // no such member or host
	ErrInvalid     = errors.New("invalid")     // the command itself is not valid
	ErrConflict    = errors.New("conflict")    // not possible in the present state
	ErrUnavailable = errors.New("unavailable") // no host or member can do it now
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
