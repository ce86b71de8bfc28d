package sim

import (
	"context"
	"sync"
	"time"

	"chordconductor/conductor/sim/load"
	"chordconductor/node/env"
)

// A World is where a simulation's own tasks run: on the wall clock, or in virtual time beside the simulated members.
type World = load.World

// realWorld is time and goroutines as they are. Close ends all sleeps and waits with env.ErrStopped.
type realWorld struct {
	stop chan struct{} // closed by end

	mu      sync.Mutex
	stopped bool           // guarded by mu: once true no task is started
	tasks   sync.WaitGroup // Add only under mu, with stopped false
}

func newRealWorld() *realWorld { return &realWorld{stop: make(chan struct{})} }

func (w *realWorld) Now() time.Time { return time.Now() }

func (w *realWorld) Sleep(d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-w.stop:
		return env.ErrStopped
	}
}

func (w *realWorld) Go(ctx context.Context, task func(ctx context.Context)) error {
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

func (w *realWorld) NewSignal() env.Signal { return &realSignal{world: w, set: make(chan struct{}, 1)} }

// end has all tasks return soon; wait waits until they have.
func (w *realWorld) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.stopped {
		w.stopped = true
		close(w.stop)
	}
}

func (w *realWorld) wait() { w.tasks.Wait() }

// realSignal is a latch for one waiter at a time.
type realSignal struct {
	world *realWorld
	set   chan struct{}
}

func (s *realSignal) Set() {
	select {
	case s.set <- struct{}{}:
	default: // it is set already
	}
}

func (s *realSignal) Wait(limit time.Duration) error {
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
	case <-s.world.stop:
		return env.ErrStopped
	}
}
