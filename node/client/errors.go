package client

import (
	"context"
	"errors"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// What an *Error is of; test with errors.Is. An operation that did not end in time is context.DeadlineExceeded, and one
// whose caller gave up context.Canceled.
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

// An Error is a call that a host did not carry out, or of which no answer came.
type Error struct {
	Address string     // of the host; empty: it is embedded in this process
	Code    codes.Code // of gRPC
	Text    string     // the reason, one line
}

func (e *Error) Error() string {
	if e.Address == "" {
		return e.Text
	}
	return e.Address + ": " + e.Text
}

// Unwrap is the kind of the error, if it is one of those above.
func (e *Error) Unwrap() error { return kinds[e.Code] }

// GRPCStatus is the error as a gRPC status, for a server that passes it on.
func (e *Error) GRPCStatus() *status.Status { return status.New(e.Code, e.Error()) }

// explain turns a call's error into an *Error of one line. The hint is for a connection that ended before HTTP/2 began, as
// that of a host with TLS does for a client without.
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
