package runtime

import (
	"context"
	"sync"
	"time"

	"chordconductor/node/env"
)

// A Scope is one simulation's part of a runtime that exists longer than the simulation. When the scope ends, the sleeps
// and waits of its tasks return env.ErrStopped, and no further task starts.
type Scope struct {
	Runtime

	mu      sync.Mutex
	ended   bool                    // guarded by mu
	waiting map[env.Signal]struct{} // guarded by mu; signals that tasks wait for now, so at most one for each task
}

// NewScope returns a scope of a runtime.
func NewScope(w Runtime) *Scope {
	return &Scope{Runtime: w, waiting: make(map[env.Signal]struct{})}
}

// End ends the scope. It must be called within the runtime, since it sets signals of the runtime.
func (s *Scope) End() {
	s.mu.Lock()
	s.ended = true
	signals := make([]env.Signal, 0, len(s.waiting))
	for signal := range s.waiting {
		signals = append(signals, signal)
	}
	s.mu.Unlock()
	for _, signal := range signals {
		signal.Set()
	}
}

func (s *Scope) over() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// Go starts a task. It returns env.ErrStopped if the scope has ended.
func (s *Scope) Go(ctx context.Context, task func(ctx context.Context)) error {
	if s.over() {
		return env.ErrStopped
	}
	return s.Runtime.Go(ctx, task)
}

// Sleep sleeps for d. It returns env.ErrStopped if the scope ends before.
func (s *Scope) Sleep(d time.Duration) error {
	if d <= 0 {
		d = time.Nanosecond // 0 would wait without a limit
	}
	switch err := s.wait(s.Runtime.NewSignal(), d); err {
	case env.ErrTimeout:
		return nil
	default:
		return err // only End sets this signal
	}
}

// NewSignal returns a signal whose waits end with the scope.
func (s *Scope) NewSignal() env.Signal { return scopedSignal{s.Runtime.NewSignal(), s} }

type scopedSignal struct {
	env.Signal
	runtime *Scope
}

func (s scopedSignal) Wait(limit time.Duration) error { return s.runtime.wait(s.Signal, limit) }

func (s *Scope) wait(signal env.Signal, limit time.Duration) error {
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return env.ErrStopped
	}
	s.waiting[signal] = struct{}{}
	s.mu.Unlock()
	err := signal.Wait(limit)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.waiting, signal)
	if s.ended {
		return env.ErrStopped
	}
	return err
}
