package deploy

import (
	"context"

	"chordconductor/conductor/lab/runtime"
	"chordconductor/conductor/lab/scenario"
)

// A Deployment holds a ring's hosts, and the runtime of all tasks that deal with them.
type Deployment struct {
	Fleet   Fleet
	Runtime runtime.Runtime
	// Do runs a task in the runtime, for a goroutine outside of it. It returns when the task has ended, or with an
	// error when ctx or the runtime has ended. Only tasks within the runtime may use its clock and its signals.
	Do func(ctx context.Context, task func(ctx context.Context)) error
	// Virtual reports whether the runtime has the clock of a simulated world, rather than the wall clock.
	Virtual bool
	// Network has the network conditions that a scenario adds to those of the deployment itself.
	Network scenario.Network
	// End ends the runtime, and returns when all its tasks have ended. The fleet must be closed before.
	End func()
}

// OnWall makes a deployment on the wall clock.
func OnWall(f Fleet, w *runtime.Wall) *Deployment {
	return &Deployment{Fleet: f, Runtime: w, Do: w.Do, End: w.End}
}

// RingName is the chord.ring.name of the rings that a Controller starts.
const RingName = "chord"
