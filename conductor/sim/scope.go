package sim

import (
	"context"
	"sync"
	"time"

	"chordconductor/node/env"
)

// A scope is one simulation's part of a world that goes on after it: when the scope ends, the sleeps and waits of its
// tasks return env.ErrStopped, and no further task starts.
type scope struct {
	Runtime

	mu      sync.Mutex
	ended   bool                    // guarded by mu
	waiting map[env.Signal]struct{} // guarded by mu; what tasks wait on now, so at most one for each
}

func newScope(w Runtime) *scope { return &scope{Runtime: w, waiting: make(map[env.Signal]struct{})} }

// end is called within the world, since it sets signals of it.
func (s *scope) end() {
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

func (s *scope) over() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

func (s *scope) Go(ctx context.Context, task func(ctx context.Context)) error {
	if s.over() {
		return env.ErrStopped
	}
	return s.Runtime.Go(ctx, task)
}

func (s *scope) Sleep(d time.Duration) error {
	if d <= 0 {
		d = time.Nanosecond // a wait without a limit is something else
	}
	switch err := s.wait(s.Runtime.NewSignal(), d); err {
	case env.ErrTimeout:
		return nil
	default:
		return err // nobody but end sets this signal
	}
}

func (s *scope) NewSignal() env.Signal { return scopedSignal{s.Runtime.NewSignal(), s} }

type scopedSignal struct {
	env.Signal
	scope *scope
}

func (s scopedSignal) Wait(limit time.Duration) error { return s.scope.wait(s.Signal, limit) }

func (s *scope) wait(signal env.Signal, limit time.Duration) error {
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
