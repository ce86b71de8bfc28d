package runtime

import (
	"context"
	"sync"
	"time"

	"chordconductor/node/env"
)

// A Wall is a runtime with the wall clock and goroutines.
type Wall struct {
	stop chan struct{} // closed by end

	mu      sync.Mutex
	stopped bool           // guarded by mu: once true no task is started
	tasks   sync.WaitGroup // Add only under mu, with stopped false
}

// NewWall returns a Wall that is running.
func NewWall() *Wall { return &Wall{stop: make(chan struct{})} }

// Now returns the present time.
func (w *Wall) Now() time.Time { return time.Now() }

// Sleep sleeps for d. It returns env.ErrStopped if the runtime ends before.
func (w *Wall) Sleep(d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-w.stop:
		return env.ErrStopped
	}
}

// Go starts a task. It returns env.ErrStopped if the runtime has ended.
func (w *Wall) Go(ctx context.Context, task func(ctx context.Context)) error {
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

// Do runs a task. It returns when the task has ended, or with an error when ctx or the runtime has ended.
func (w *Wall) Do(ctx context.Context, task func(ctx context.Context)) error {
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

// End makes all sleeps and waits return env.ErrStopped, and returns when all tasks have ended.
func (w *Wall) End() {
	w.mu.Lock()
	if !w.stopped {
		w.stopped = true
		close(w.stop)
	}
	w.mu.Unlock()
	w.tasks.Wait()
}

// NewSignal returns a signal whose waits end with the runtime.
func (w *Wall) NewSignal() env.Signal {
	return &wallSignal{runtime: w, set: make(chan struct{}, 1)}
}

// wallSignal is a latch for one waiter at a time.
type wallSignal struct {
	runtime *Wall
	set     chan struct{}
}

func (s *wallSignal) Set() {
	select {
	case s.set <- struct{}{}:
	default: // the signal is set already
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
