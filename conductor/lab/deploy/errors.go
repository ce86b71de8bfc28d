package deploy

import (
	"errors"
	"fmt"

	"google.golang.org/grpc/status"

	"chordconductor/node/chord"
)

// Kinds of errors of a command. An error of a command wraps one of these, or is the gRPC status that the host returned.
var (
	ErrUnknown     = errors.New("unknown")     // no such member or host
	ErrInvalid     = errors.New("invalid")     // the command itself is not valid
	ErrConflict    = errors.New("conflict")    // not possible in the present state
	ErrUnavailable = errors.New("unavailable") // no host or member can do it now
)

// A refusal is a command's error: its kind, and one sentence.
type refusal struct {
	kind error
	text string
}

func (r *refusal) Error() string { return r.text }
func (r *refusal) Unwrap() error { return r.kind }

// Refuse returns a command's error of the given kind.
func Refuse(kind error, format string, args ...any) error {
	return &refusal{kind, fmt.Sprintf(format, args...)}
}

// IsRefusal reports whether Refuse made an error. Its text then names the host or member concerned.
func IsRefusal(err error) bool { return errors.As(err, new(*refusal)) }

// UnknownMember returns the error of a command for a member that no host has.
func UnknownMember(id chord.ID) error {
	return Refuse(ErrUnknown, "no member %x among the hosts that can be commanded", id[:])
}

// An unsent error means that an operation failed before anything of it was sent: its host cannot be connected to, or
// did not prove that it holds the token. The operation may be sent to another host.
type unsent struct{ cause error }

func (u *unsent) Error() string { return u.cause.Error() }
func (u *unsent) Unwrap() error { return u.cause }

// GRPCStatus returns the wrapped status without the text that gRPC adds to wrapped errors.
func (u *unsent) GRPCStatus() *status.Status { return status.Convert(u.cause) }

// NotSent returns the error of an operation of which nothing was sent, so that it may be sent to another host.
func NotSent(cause error) error { return &unsent{cause} }

// IsUnsent reports whether err means that nothing of an operation was sent.
func IsUnsent(err error) bool { return errors.As(err, new(*unsent)) }
