package grpcenv

import (
	"sync"
	"time"

	"chordconductor/node/env"
)

// NewSignal returns a signal on which tasks can wait.
func (e *Env) NewSignal() env.Signal { return &signal{stop: e.stop, wake: make(chan struct{})} }

type signal struct {
	stop <-chan struct{}

	mu      sync.Mutex
	latched bool          // set while no task waited
	waiting int           // number of tasks that wait on wake
	wake    chan struct{} // closed by Set, which then makes a new one
}

func (s *signal) Set() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting == 0 {
		s.latched = true
		return
	}
	close(s.wake)
	s.wake, s.waiting = make(chan struct{}), 0
}

func (s *signal) Wait(limit time.Duration) error {
	s.mu.Lock()
	if s.latched {
		s.latched = false
		s.mu.Unlock()
		return nil
	}
	s.waiting++
	wake := s.wake
	s.mu.Unlock()

	var expired <-chan time.Time // nil, and so never ready, without a limit
	if limit > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		expired = timer.C
	}
	err := env.ErrTimeout
	select {
	case <-wake:
		return nil
	case <-expired:
	case <-s.stop:
		err = env.ErrStopped
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if wake != s.wake {
		return nil // it was set just before the limit
	}
	s.waiting--
	return err
}
