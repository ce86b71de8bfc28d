package simenv

import (
	"context"
	"iter"
	"slices"
	"time"

	"chordconductor/node/env"
)

// maxIdle bounds the coroutines kept for reuse.
const maxIdle = 4096

// task is a coroutine and its present work. It blocks by returning to the world, which resumes it when what it waits
// for has happened.
type task struct {
	w     *World
	host  *Host
	ctx   context.Context
	work  func(context.Context)
	next  func() (struct{}, bool)
	stop  func()
	yield func(struct{}) bool

	wait    uint64 // number of its present wait; a wake-up for an earlier one has no effect
	result  error  // of the present wait
	stopped bool   // its host has ended: whatever it waits for returns ErrStopped
	place   int    // index in host.tasks
}

// start gives work to a coroutine and runs it until it first blocks.
func (w *World) start(h *Host, ctx context.Context, work func(context.Context)) {
	if h.crashed {
		return
	}
	var t *task
	if n := len(w.idle); n > 0 {
		t = w.idle[n-1]
		w.idle = w.idle[:n-1]
	} else {
		t = &task{w: w}
		t.next, t.stop = iter.Pull(t.loop)
	}
	t.host, t.ctx, t.work = h, ctx, work
	t.place = len(h.tasks)
	h.tasks = append(h.tasks, t)
	t.resume()
}

// loop is the coroutine: one work after the other.
func (t *task) loop(yield func(struct{}) bool) {
	t.yield = yield
	for {
		t.work(t.ctx)
		t.retire()
		if t.stopped || !yield(struct{}{}) {
			return
		}
	}
}

// retire removes a task that has done its work from its host.
func (t *task) retire() {
	tasks := t.host.tasks
	last := len(tasks) - 1
	tasks[last].place = t.place
	tasks[t.place] = tasks[last]
	tasks[last] = nil
	t.host.tasks = tasks[:last]
	t.host, t.ctx, t.work, t.wait = nil, nil, nil, 0
	if !t.stopped && len(t.w.idle) < maxIdle && !t.w.closed {
		t.w.idle = append(t.w.idle, t)
	} else {
		t.stopped = true
	}
}

// resume switches to the task until it blocks or ends.
func (t *task) resume() {
	caller := t.w.current
	t.w.current = t
	t.next()
	t.w.current = caller
}

// block begins a wait, calls arrange to set up what will end it, and returns when that happens.
func (t *task) block(arrange func(wait uint64)) error {
	if t == nil {
		panic("simenv: a call that blocks, outside a task")
	}
	if t.stopped {
		return env.ErrStopped
	}
	t.w.waits++
	t.wait = t.w.waits
	arrange(t.wait)
	if !t.yield(struct{}{}) || t.stopped {
		return env.ErrStopped
	}
	return t.result
}

// wake ends a wait of the task, if that wait is still the present one.
func (t *task) wake(wait uint64, result error) {
	if t.wait == wait && !t.stopped {
		t.wait, t.result = 0, result
		t.resume()
	}
}

// kill makes the task return. A running task returns when it next blocks.
func (t *task) kill() {
	t.stopped = true
	if t == t.w.current {
		return
	}
	caller := t.w.current
	t.w.current = t
	t.stop()
	t.w.current = caller
}

// A signal is a latch; waiting tasks are woken in the order in which they came.
type signal struct {
	w       *World
	latched bool
	waiting []waiter
}

type waiter struct {
	t    *task
	wait uint64
}

func (s *signal) Set() {
	woken := false
	for _, x := range s.waiting {
		if x.t.wait == x.wait && !x.t.stopped {
			woken = true
			s.w.waits++ // the next wait starts here: the time limit of the old one has no effect
			wait := s.w.waits
			x.t.wait = wait
			s.w.schedule(0, func() { x.t.wake(wait, nil) })
		}
	}
	s.waiting = nil
	s.latched = s.latched || !woken
}

func (s *signal) Wait(limit time.Duration) error {
	t := s.w.current
	if t != nil && t.stopped {
		return env.ErrStopped
	}
	if s.latched {
		s.latched = false
		return nil
	}
	err := t.block(func(wait uint64) {
		s.waiting = append(s.waiting, waiter{t, wait})
		if limit > 0 {
			s.w.schedule(limit, func() { t.wake(wait, env.ErrTimeout) })
		}
	})
	if err == env.ErrTimeout {
		s.waiting = slices.DeleteFunc(s.waiting, func(x waiter) bool { return x.t == t })
	}
	return err
}
