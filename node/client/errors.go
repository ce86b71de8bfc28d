package client

import (
	"context"
	"errors"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// The kinds of an *Error, for errors.Is. The error of an operation that did not end in time is
// context.DeadlineExceeded, and of one that its caller cancelled, context.Canceled.
var (
	ErrNotFound        = errors.New("no such key")
	ErrInvalid         = errors.New("invalid argument")
	ErrExhausted       = errors.New("no memory left at the owner or a replica")
	ErrUnavailable     = errors.New("the host, or the owner of the key, cannot be reached")
	ErrUnauthenticated = errors.New("the credentials do not suffice")
)

var kinds = map[codes.Code]error{
	codes.NotFound:          ErrNotFound,
	codes.InvalidArgument:   ErrInvalid,
	codes.ResourceExhausted: ErrExhausted,
	codes.Unavailable:       ErrUnavailable,
	codes.Unauthenticated:   ErrUnauthenticated,
	codes.DeadlineExceeded:  context.DeadlineExceeded,
	codes.Canceled:          context.Canceled,
}

// An Error is the error of a call that a host did not carry out, or did not answer.
type Error struct {
	Address string     // of the host; empty if the host is embedded in this process
	Code    codes.Code // gRPC's status code
	Text    string     // the reason, one line
}

func (e *Error) Error() string {
	if e.Address == "" {
		return e.Text
	}
	return e.Address + ": " + e.Text
}

// Unwrap returns the kind of the error, or nil if it is none of those above.
func (e *Error) Unwrap() error { return kinds[e.Code] }

// GRPCStatus returns the error as a gRPC status, for a server that passes it on.
func (e *Error) GRPCStatus() *status.Status { return status.New(e.Code, e.Error()) }

// explain returns a call's error as an *Error of one line. It adds hint if the connection ended
// before HTTP/2 began, as it does if the host uses TLS and the client does not.
func explain(address, hint string, err error) error {
	if err == nil {
		return nil
	}
	s, ok := status.FromError(err)
	if !ok {
		s = status.FromContextError(err)
	}
	text := strings.Join(strings.Fields(s.Message()), " ")
	if s.Code() == codes.Unavailable && address != "" {
		// gRPC wraps the system's error text in its own.
		if _, cause, quoted := strings.Cut(text, "desc = "); quoted {
			text = strings.Trim(cause, `"`)
		}
		text = strings.TrimPrefix(text, "transport: ")
		if strings.Contains(text, "server preface") {
			text += hint
		}
	}
	return &Error{address, s.Code(), text}
}
