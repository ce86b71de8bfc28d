// Package runtime is the time and the tasks of an experiment: the wall clock, and the part of it, or of a simulated world
// (node/simenv), that belongs to one simulation.
package runtime

import (
	"context"
	"time"

	"chordconductor/node/env"
)

// A Runtime is time and concurrency, real or simulated: the part of env.Env that a load and a simulation need. No lock is
// held across a call that can block.
type Runtime interface {
	Now() time.Time
	Sleep(d time.Duration) error
	Go(ctx context.Context, task func(ctx context.Context)) error
	NewSignal() env.Signal
}
