package controller

import (
	"errors"
	"fmt"

	"google.golang.org/grpc/status"

	"chordconductor/node/chord"
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

// refuse is a command's error of a kind.
func refuse(kind error, format string, args ...any) error {
	return &refusal{kind, fmt.Sprintf(format, args...)}
}

// isRefusal reports whether an error is a refusal, which names the host or member that it is about.
func isRefusal(err error) bool { return errors.As(err, new(*refusal)) }

// unknownMember is the error of a command for a member that no host has.
func unknownMember(id chord.ID) error {
	return refuse(ErrUnknown, "no member %x among the hosts that can be commanded", id[:])
}

// An unsent operation failed before anything of it was sent: its host cannot be connected to, or did not prove itself.
// Another host may be asked.
type unsent struct{ cause error }

func (u *unsent) Error() string { return u.cause.Error() }
func (u *unsent) Unwrap() error { return u.cause }

// GRPCStatus keeps the status's text free of what gRPC adds to that of a wrapped one.
func (u *unsent) GRPCStatus() *status.Status { return status.Convert(u.cause) }

// notSent is the error of an operation of which nothing was sent, so that another host may be asked.
func notSent(cause error) error { return &unsent{cause} }

// isUnsent reports whether nothing of an operation that failed was sent.
func isUnsent(err error) bool { return errors.As(err, new(*unsent)) }
