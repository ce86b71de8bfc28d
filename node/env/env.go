package env

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc"
)

var (
	// ErrTimeout: a peer did not answer within the limit, or cannot be reached. Callers treat it as dead.
	ErrTimeout = errors.New("no answer within the time limit")
	// ErrBroken: the connection broke during a call that only its caller may repeat, Keys.Apply: it may have been
	// carried out. It is no evidence that the peer is dead. Other calls are repeated once by the environment.
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

// Env is everything a member may touch outside its own memory. All methods may be called from any of the member's
// tasks. No lock may be held, and no channel waited on, across a call that can block (Sleep, Signal.Wait, every RPC).
type Env interface {
	// Now is the time, virtual or real. Within one environment it never goes back: it is for durations.
	Now() time.Time
	// Wall is the time of the host's clock, for timestamps that other hosts read. Unlike Now it may be wrong, and step.
	Wall() time.Time
	// Sleep blocks the task for d. It returns ErrStopped when the environment ends, else nil.
	Sleep(d time.Duration) error
	// Go starts a task. The context carries trace identity and nothing else: it is never cancelled. Go returns
	// ErrStopped when the environment has ended, and the task is then not started.
	Go(ctx context.Context, task func(ctx context.Context)) error
	// Uint64 is the environment's randomness; seeded in a simulated world.
	Uint64() uint64
	// NewSignal makes a signal on which a task can wait.
	NewSignal() Signal
	// Conn gives access to the host at an address; see Ring and Keys. Every call on the result ends within limit, or
	// somewhat later on a host that is late itself: with the answer, an answer's gRPC status error, ErrTimeout, or ErrBroken.
	// In a simulated world messages are passed by reference: after sending or answering, what a message points to must
	// not be changed.
	Conn(addr string, limit time.Duration) grpc.ClientConnInterface
}

// A Signal is a latch with one waiter or more: Set wakes all tasks that wait now, or makes the next Wait return
// immediately.
type Signal interface {
	Set()
	// Wait blocks until the signal is set (nil, and the signal is cleared), or limit passes (ErrTimeout), or the
	// environment ends (ErrStopped). A limit of 0 means no limit.
	Wait(limit time.Duration) error
}
