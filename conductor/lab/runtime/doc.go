// Package runtime has the time and the tasks of an experiment: the wall clock, and a Scope, the part of a runtime (the
// wall clock's, or a simulated world's, see node/simenv) that belongs to one simulation.
package runtime

import (
	"context"
	"time"

	"chordconductor/node/env"
)

// A Runtime provides time and concurrency, real or simulated: the part of env.Env that a load and a simulation need.
// Callers must not hold a lock across a call that can block.
type Runtime interface {
	Now() time.Time
	Sleep(d time.Duration) error
	Go(ctx context.Context, task func(ctx context.Context)) error
	NewSignal() env.Signal
}
