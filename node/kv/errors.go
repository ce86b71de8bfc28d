package kv

import (
	"errors"
	"fmt"
	"slices"

	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"chordconductor/node/chord"
)

// Errors of client operations; test for them with errors.Is. Each has a gRPC status (status.FromError).
var (
	ErrNotFound    error = &failure{codes.NotFound, "no such key"}
	ErrInvalid     error = &failure{codes.InvalidArgument, "invalid argument"}
	ErrExhausted   error = &failure{codes.ResourceExhausted, "memory limit of the owner or of a replica reached"}
	ErrNoKeys      error = &failure{codes.FailedPrecondition, "this ring keeps no keys"}
	ErrUnavailable error = &failure{codes.Unavailable, "no owner reachable in time"}
)

// ErrLastHost is returned when the last host of a ring cannot leave: no member stays that could take its keys.
var ErrLastHost = errors.New("no other member of the ring stays that could take the keys")

// ErrNoRoom is returned when a leave is refused because the members that stay lack memory for the range.
var ErrNoRoom = errors.New("the members that stay have no memory for the keys")

type failure struct {
	code codes.Code
	text string
}

func (f *failure) Error() string              { return f.text }
func (f *failure) GRPCStatus() *status.Status { return status.New(f.code, f.text) }

// Result is the outcome of a client operation.
type Result struct {
	Owner        chord.Peer    // the member that answered
	Version      uint64        // of the record written or read
	ReplicaCount int           // of a write: distinct hosts that hold it
	Replicas     []chord.Peer  // of a write: the members that hold it, the owner first; nil: the owner speaks version 1
	Value        []byte        // of a get; not to be changed
	Trace        trace.TraceID // invalid if the operation was not sampled
}

// FirstOf returns the errors of all of a kind, such as members, as one error of a single line: the
// first error, and how many of them have one. errors.Is and errors.As find each. It returns nil if
// all are nil.
func FirstOf(kind string, all []error) error {
	some := slices.DeleteFunc(slices.Clone(all), func(err error) bool { return err == nil })
	switch {
	case len(some) == 0:
		return nil
	case len(all) == 1:
		return some[0]
	}
	return &firstOf{fmt.Sprintf("%d of %d %s: %v", len(some), len(all), kind, some[0]), some}
}

type firstOf struct {
	text string
	errs []error
}

func (e *firstOf) Error() string   { return e.text }
func (e *firstOf) Unwrap() []error { return e.errs }
