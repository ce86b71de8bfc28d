package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// A stage is a position in the order in which the parts of the program end.
type stage int

// Producers end before the receiver, and the receiver before the fold.
const (
	producing stage = iota // members first, so that their last events are received
	receiving
	viewing // the fold, and the parts that show and keep its views
	stages
)

// A lifecycle runs the parts of a program and ends them stage by stage. A part has the form Run(ctx) error: it runs
// until ctx ends, and returns nil when it has ended cleanly, or an error, possibly before ctx ends. What can fail at
// the start must be opened before, and has the form Close() error.
type lifecycle struct {
	stages [stages]struct {
		ctx     context.Context
		end     context.CancelFunc
		parts   sync.WaitGroup
		closers []func() error
	}
	broken context.Context // ends when a part has failed
	fail   context.CancelFunc

	mu   sync.Mutex
	errs []error // guarded by mu; in the order in which they came, since the first one explains the others
}

func newLifecycle() *lifecycle {
	l := &lifecycle{}
	l.broken, l.fail = context.WithCancel(context.Background())
	for i := range l.stages {
		l.stages[i].ctx, l.stages[i].end = context.WithCancel(context.Background())
	}
	return l
}

// run runs a part until its stage ends.
func (l *lifecycle) run(s stage, what string, part func(context.Context) error) {
	at := &l.stages[s]
	at.parts.Go(func() {
		err := part(at.ctx)
		if err == nil {
			return
		}
		if at.ctx.Err() == nil {
			err = fmt.Errorf("%s: %w", what, err)
		}
		l.keep(err)
		l.fail()
	})
}

// closes registers a function that is called when the parts of its stage have ended; functions registered last are
// called first. Parts must not call it.
func (l *lifecycle) closes(s stage, closer func() error) {
	l.stages[s].closers = append(l.stages[s].closers, closer)
}

// stop ends everything, and returns the errors of parts and closers. It must be called once.
func (l *lifecycle) stop() error {
	for i := range l.stages {
		at := &l.stages[i]
		at.end()
		at.parts.Wait()
		for k := len(at.closers) - 1; k >= 0; k-- {
			l.keep(at.closers[k]())
		}
	}
	l.fail() // releases the context of failed parts
	return errors.Join(l.errs...)
}

func (l *lifecycle) keep(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.errs = append(l.errs, err)
}
