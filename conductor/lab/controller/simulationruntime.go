package controller

import (
	"context"
	"sync"
	"time"

	"chordconductor/node/env"
)

// A simulationRuntime is one simulation's part of a runtime that outlasts it: when it ends, the sleeps and waits of its
// tasks return env.ErrStopped, and no further task starts.
type simulationRuntime struct {
	Runtime

	mu      sync.Mutex
	ended   bool                    // guarded by mu
	waiting map[env.Signal]struct{} // guarded by mu; what tasks wait on now, so at most one for each
}

func newSimulationRuntime(w Runtime) *simulationRuntime {
	return &simulationRuntime{Runtime: w, waiting: make(map[env.Signal]struct{})}
}

// end must be called within the runtime, since it sets signals of it.
func (s *simulationRuntime) end() {
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

func (s *simulationRuntime) over() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

func (s *simulationRuntime) Go(ctx context.Context, task func(ctx context.Context)) error {
	if s.over() {
		return env.ErrStopped
	}
	return s.Runtime.Go(ctx, task)
}

func (s *simulationRuntime) Sleep(d time.Duration) error {
	if d <= 0 {
		d = time.Nanosecond // 0 would wait without a limit
	}
	switch err := s.wait(s.Runtime.NewSignal(), d); err {
	case env.ErrTimeout:
		return nil
	default:
		return err // only end sets this signal
	}
}

func (s *simulationRuntime) NewSignal() env.Signal { return scopedSignal{s.Runtime.NewSignal(), s} }

type scopedSignal struct {
	env.Signal
	runtime *simulationRuntime
}

func (s scopedSignal) Wait(limit time.Duration) error { return s.runtime.wait(s.Signal, limit) }

func (s *simulationRuntime) wait(signal env.Signal, limit time.Duration) error {
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
