package sim

import (
	"context"
	"sync"
	"time"

	"chordconductor/conductor/sim/load"
	"chordconductor/conductor/sim/scenario"
	"chordconductor/node/env"
)

// A World is where a ring's tasks run: on the wall clock, or in simulated time.
type World = load.World

// A Ground is where a ring lives: its hosts, and the world in which all that deals with them runs.
type Ground struct {
	Fleet Fleet
	World World
	// Do runs a task in the world for a goroutine outside of it, and returns when the task has ended, or with an error
	// when ctx or the world has. Only what is called within a world may use its clock and its signals.
	Do func(ctx context.Context, task func(ctx context.Context)) error
	// Network is what the fleet's calls shall meet beyond what they meet anyway.
	Network scenario.Network
	// End ends the world, and returns when all its tasks have. The fleet is closed before.
	End func()
}

// newRealGround is a ground on the wall clock.
func newRealGround(f Fleet, w *realWorld) *Ground {
	return &Ground{Fleet: f, World: w, Do: w.do, End: func() { w.end(); w.tasks.Wait() }}
}

// realWorld is time and goroutines as they are.
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

func (w *realWorld) do(ctx context.Context, task func(ctx context.Context)) error {
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

// end has all sleeps and waits return env.ErrStopped.
func (w *realWorld) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.stopped {
		w.stopped = true
		close(w.stop)
	}
}

func (w *realWorld) NewSignal() env.Signal { return &realSignal{world: w, set: make(chan struct{}, 1)} }

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
