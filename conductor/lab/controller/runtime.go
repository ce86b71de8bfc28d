package controller

import (
	"context"
	"sync"
	"time"

	"chordconductor/conductor/lab/load"
	"chordconductor/conductor/lab/scenario"
	"chordconductor/node/env"
)

// A Runtime is the clock and the tasks of a deployment: the wall clock, or a simulated world.
type Runtime = load.Runtime

// A Deployment is a ring's hosts, and the runtime of all tasks that deal with them.
type Deployment struct {
	Fleet   Fleet
	Runtime Runtime
	// Do runs a task in the runtime for a goroutine outside of it, and returns when the task has ended, or with an
	// error when ctx or the runtime has. Only tasks within the runtime may use its clock and its signals.
	Do func(ctx context.Context, task func(ctx context.Context)) error
	// Network is the network conditions of the fleet's calls beyond those of the deployment.
	Network scenario.Network
	// End ends the runtime, and returns when all its tasks have ended. The fleet is closed before.
	End func()
}

// newLocalDeployment makes a deployment on the wall clock.
func newLocalDeployment(f Fleet, w *wallRuntime) *Deployment {
	return &Deployment{Fleet: f, Runtime: w, Do: w.do, End: func() { w.end(); w.tasks.Wait() }}
}

// wallRuntime is real time and goroutines.
type wallRuntime struct {
	stop chan struct{} // closed by end

	mu      sync.Mutex
	stopped bool           // guarded by mu: once true no task is started
	tasks   sync.WaitGroup // Add only under mu, with stopped false
}

func newWallRuntime() *wallRuntime { return &wallRuntime{stop: make(chan struct{})} }

func (w *wallRuntime) Now() time.Time { return time.Now() }

func (w *wallRuntime) Sleep(d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-w.stop:
		return env.ErrStopped
	}
}

func (w *wallRuntime) Go(ctx context.Context, task func(ctx context.Context)) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		return env.ErrStopped
	}
	w.tasks.Add(1)
	go func() {
		defer w.tasks.Done()
		task(ctx)
	}()
	return nil
}

func (w *wallRuntime) do(ctx context.Context, task func(ctx context.Context)) error {
	done := make(chan struct{})
	if err := w.Go(ctx, func(ctx context.Context) {
		defer close(done)
		task(ctx)
	}); err != nil {
		return err
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// end makes all sleeps and waits return env.ErrStopped.
func (w *wallRuntime) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.stopped {
		w.stopped = true
		close(w.stop)
	}
}

func (w *wallRuntime) NewSignal() env.Signal {
	return &wallSignal{runtime: w, set: make(chan struct{}, 1)}
}

// wallSignal is a latch for one waiter at a time.
type wallSignal struct {
	runtime *wallRuntime
	set     chan struct{}
}

func (s *wallSignal) Set() {
	select {
	case s.set <- struct{}{}:
	default: // it is set already
	}
}

func (s *wallSignal) Wait(limit time.Duration) error {
	var expired <-chan time.Time
	if limit > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		expired = timer.C
	}
	select {
	case <-s.set:
		return nil
	case <-expired:
		return env.ErrTimeout
	case <-s.runtime.stop:
		return env.ErrStopped
	}
}
