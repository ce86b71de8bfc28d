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

// task is a coroutine and the work that it does at present. It blocks by going back to the world, which takes it up
// again when what it waits for has come.
type task struct {
	w     *World
	host  *Host
	ctx   context.Context
	work  func(context.Context)
	next  func() (struct{}, bool)
	stop  func()
	yield func(struct{}) bool

	wait    uint64 // number of its present wait; a wake-up for an earlier one is void
	result  error  // of the present wait
	stopped bool   // its host is no more: whatever it waits for returns ErrStopped
	place   int    // in host.tasks
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
		t.next, t.stop = iter.Pull(t.live)
	}
	t.host, t.ctx, t.work = h, ctx, work
	t.place = len(h.tasks)
	h.tasks = append(h.tasks, t)
	t.resume()
}

// live is the coroutine: one work after the other.
func (t *task) live(yield func(struct{}) bool) {
	t.yield = yield
	for {
		t.work(t.ctx)
		t.retire()
		if t.stopped || !yield(struct{}{}) {
			return
		}
	}
}

// retire takes a task that has done its work off its host.
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

// block begins a wait, lets arrange set up what will end it, and returns when that happens.
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

// wake ends a wait of the task, if that one is still on.
func (t *task) wake(wait uint64, result error) {
	if t.wait == wait && !t.stopped {
		t.wait, t.result = 0, result
		t.resume()
	}
}

// kill makes the task return. The one that runs returns when it next blocks.
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

// A signal is a latch; those that wait are woken in the order in which they came.
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
			s.w.waits++ // another wait from here on: the time limit of the old one is void
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
