package env

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
)

var (
	// ErrTimeout: a peer did not answer within the limit, or cannot be reached. Callers treat it as dead.
	ErrTimeout = errors.New("no answer within the time limit")
	// ErrBroken: the connection broke during a call that only its caller may repeat (Keys.Apply);
	// the call may have been carried out. It is no evidence that the peer is dead. The environment
	// itself repeats other calls, once.
	ErrBroken = errors.New("the connection broke during the call")
	// ErrStopped: the environment has ended; a task that receives it returns immediately.
	ErrStopped = errors.New("environment stopped")
)

// Unanswered is an ErrTimeout with a known cause.
type Unanswered struct {
	Why     string
	Refused bool // the machine has refused the connection: no host listens at the address
}

func (u *Unanswered) Error() string        { return ErrTimeout.Error() + ": " + u.Why }
func (u *Unanswered) Is(target error) bool { return target == ErrTimeout }

// StatusOf returns the status of an error of gRPC or of package context. The status of any other error has the code
// Unknown, that of nil OK.
func StatusOf(err error) *status.Status {
	if st, ok := status.FromError(err); ok {
		return st
	}
	return status.FromContextError(err)
}

// Env is all that a member may use outside its own memory. All methods may be called from any of
// the member's tasks. A task must hold no lock during a call that can block (Sleep, Signal.Wait,
// every RPC).
type Env interface {
	// Now returns the time, virtual or real. Within one environment it never goes back: it is for
	// durations.
	Now() time.Time
	// Wall returns the time of the host's clock, for timestamps that other hosts read. Unlike Now
	// it may be wrong, and step.
	Wall() time.Time
	// Sleep blocks the task for d. It returns ErrStopped when the environment ends, else nil.
	Sleep(d time.Duration) error
	// Go starts a task. The context carries trace identity and nothing else: it is never cancelled. Go returns
	// ErrStopped when the environment has ended, and the task is then not started.
	Go(ctx context.Context, task func(ctx context.Context)) error
	// Uint64 returns a random number; in a simulated world the sequence follows from the seed.
	Uint64() uint64
	// NewSignal returns a signal on which tasks can wait.
	NewSignal() Signal
	// Conn returns the connection to the host at an address; see Ring and Keys. Every call on it
	// ends within limit (somewhat later if this host's own timers are late) with the answer, the
	// gRPC status of the peer's error, ErrTimeout, or ErrBroken. In a simulated world messages are
	// passed by reference: after sending or answering, what a message points to must not be
	// changed.
	Conn(addr string, limit time.Duration) grpc.ClientConnInterface
}

// A Signal is a latch with one waiter or more: Set wakes all tasks that wait now, or makes the next Wait return
// immediately.
type Signal interface {
	Set()
	// Wait blocks until the signal is set; it then clears the signal and returns nil. It returns
	// ErrTimeout after limit, and ErrStopped when the environment ends. A limit of 0 means no
	// limit.
	Wait(limit time.Duration) error
}
