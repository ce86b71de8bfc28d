package simenv

import (
	"math/rand/v2"
	"sync"
	"time"
)

// Config of a World. Zero values stand for the defaults named beside them.
type Config struct {
	// Seed determines the run.
	Seed uint64
	// Start is the virtual time at which the world begins. Default 2001-08-27, the day on which Chord was presented.
	Start time.Time
	// Delay draws the time that a message takes. Default: 1 ms, always.
	Delay func(*rand.Rand) time.Duration
	// Loss is the share of messages that never arrive, 0 to 1.
	Loss float64
}

// Fixed returns a network in which every message takes d.
func Fixed(d time.Duration) func(*rand.Rand) time.Duration {
	return func(*rand.Rand) time.Duration { return d }
}

// Uniform returns a network in which messages take from low to high, uniformly distributed.
func Uniform(low, high time.Duration) func(*rand.Rand) time.Duration {
	return func(r *rand.Rand) time.Duration { return low + time.Duration(r.Float64()*float64(high-low)) }
}

// Exponential returns a network whose delays are distributed exponentially.
func Exponential(mean time.Duration) func(*rand.Rand) time.Duration {
	return func(r *rand.Rand) time.Duration { return time.Duration(r.ExpFloat64() * float64(mean)) }
}

// A World is a deterministic world.
type World struct {
	cfg     Config
	now     time.Duration // since Start
	agenda  agenda
	random  *rand.Rand
	hosts   map[string]*Host // never iterated
	order   []*Host          // all hosts that ever were, by creation
	current *task            // the task that runs; nil: the world itself
	pace    pace
	idle    []*task // coroutines without work, for reuse; at most maxIdle
	waits   uint64  // waits so far, to number them
	closed  bool

	mailbox struct {
		sync.Mutex
		jobs   []func()      // from other goroutines; each caller of Do has one at most
		notify chan struct{} // holds a token when jobs were added
	}
}

// New returns an empty world.
func New(cfg Config) *World {
	if cfg.Start.IsZero() {
		cfg.Start = time.Date(2001, time.August, 27, 12, 0, 0, 0, time.UTC)
	}
	w := &World{hosts: make(map[string]*Host), pace: pace{speed: 1}}
	w.configure(cfg)
	w.mailbox.notify = make(chan struct{}, 1)
	return w
}

func (w *World) configure(cfg Config) {
	if cfg.Delay == nil {
		cfg.Delay = Fixed(time.Millisecond)
	}
	w.cfg, w.random = cfg, rand.New(rand.NewPCG(cfg.Seed, 0x43484f5244))
}

// Renew changes the seed, the delays and the loss to those of cfg. Time and hosts go on.
func (w *World) Renew(cfg Config) {
	cfg.Start = w.cfg.Start
	w.configure(cfg)
}

// Now returns the virtual time.
func (w *World) Now() time.Time { return w.cfg.Start.Add(w.now) }

// Elapsed returns the virtual time since the start.
func (w *World) Elapsed() time.Duration { return w.now }

// Random is the world's random source, for callers that decide what happens to it.
func (w *World) Random() *rand.Rand { return w.random }

// At schedules an event of the world after d. It must not block; for work that blocks, start a task with Go of a host.
func (w *World) At(d time.Duration, happening func()) { w.schedule(d, happening) }

func (w *World) schedule(d time.Duration, run func()) { w.agenda.add(w.now+max(d, 0), run) }

// Run lets d of virtual time pass.
func (w *World) Run(d time.Duration) { w.run(w.now + d) }

// RunUntil lets time pass, at most limit, until cond holds, which it evaluates at every step. It reports whether cond
// holds.
func (w *World) RunUntil(limit, step time.Duration, cond func() bool) bool {
	end := w.now + limit
	for !cond() {
		if w.now >= end {
			return false
		}
		w.run(min(w.now+step, end))
	}
	return true
}

func (w *World) run(until time.Duration) {
	for !w.closed && w.agenda.due(until) {
		w.step()
	}
	w.now = max(w.now, until)
}

// step runs the next event.
func (w *World) step() {
	e := w.agenda.next()
	w.now = e.at
	e.run()
}

// Close ends the world: all tasks return, with ErrStopped from whatever they wait for.
func (w *World) Close() {
	w.closed = true
	for _, h := range w.order {
		h.Crash()
	}
	for _, t := range w.idle {
		t.stop()
	}
	w.idle = nil
}
