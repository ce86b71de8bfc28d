package simenv

import (
	"context"
	"fmt"
	"math"
	"time"
)

// FlatOut is the speed of a world that does not wait for the wall clock.
var FlatOut = math.Inf(1)

// longestSleep bounds the sleep of a world without anything to do.
const longestSleep = time.Second

// pace is how virtual time follows the wall clock.
type pace struct {
	speed float64
	at    time.Duration // virtual time at since
	since time.Time     // by the wall clock
}

// reached returns the virtual time up to which the world may run now, by the wall clock and the speed.
func (p *pace) reached() time.Duration {
	if math.IsInf(p.speed, 1) {
		return math.MaxInt64
	}
	return p.at + time.Duration(float64(time.Since(p.since))*p.speed)
}

// until returns the real time until a virtual time is reached; 0 or less means that it has been
// reached.
func (p *pace) until(at time.Duration) time.Duration {
	if p.speed == 0 {
		return longestSleep
	}
	return time.Duration(min(float64(longestSleep), float64(at-p.reached())/p.speed))
}

// SetSpeed sets how much virtual time passes in Pace by real time: 1 at first; 0 stops the clock, while work from outside
// is done; FlatOut is as fast as possible, and without anything to do no time passes. It may be called from any
// goroutine, and takes effect soon.
func (w *World) SetSpeed(speed float64) {
	w.post(func() { w.pace = pace{speed, w.now, time.Now()} })
}

// Pace lets time pass by the wall clock, at the speed set, until ctx ends. When there is more to do than time, virtual
// time falls behind and catches up later; no time limit is missed for lack of a processor.
func (w *World) Pace(ctx context.Context) {
	w.pace.at, w.pace.since = w.now, time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil && !w.closed {
		reached := w.pace.reached()
		// In portions, so that work from outside and ctx are not kept waiting.
		for n := 0; n < 256 && w.agenda.due(reached); n++ {
			w.step()
		}
		behind := w.agenda.due(reached)
		if !behind && reached < math.MaxInt64 {
			w.now = max(w.now, reached)
		}
		if w.runJobs() || behind {
			continue
		}
		sleep := longestSleep
		if at, ok := w.agenda.first(); ok {
			sleep = w.pace.until(at)
		}
		if sleep <= 0 {
			continue
		}
		timer.Reset(sleep)
		select {
		case <-timer.C:
		case <-w.mailbox.notify:
		case <-ctx.Done():
		}
	}
}

// Do runs a task on a host from another goroutine while Pace goes on, and returns when the task has ended, or an error
// when ctx has ended or the host has crashed; the task then continues alone.
func (w *World) Do(ctx context.Context, h *Host, job func(context.Context)) error {
	done := make(chan error, 1)
	w.post(func() {
		err := h.Go(ctx, func(ctx context.Context) {
			job(ctx)
			done <- nil
		})
		if err != nil {
			done <- err
		}
	})
	select {
	case err := <-done:
		return err
	case <-h.dead:
		return fmt.Errorf("host %s: %w", h.addr, errCrashed)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// post gives Pace a job from any goroutine.
func (w *World) post(job func()) {
	w.mailbox.Lock()
	w.mailbox.jobs = append(w.mailbox.jobs, job)
	w.mailbox.Unlock()
	select {
	case w.mailbox.notify <- struct{}{}:
	default:
	}
}

// runJobs runs what was posted, and reports whether anything was.
func (w *World) runJobs() bool {
	w.mailbox.Lock()
	jobs := w.mailbox.jobs
	w.mailbox.jobs = nil
	w.mailbox.Unlock()
	for _, job := range jobs {
		job()
	}
	return len(jobs) > 0
}
