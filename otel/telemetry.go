package otel

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"chordconductor/internal/duration"
)

// Lost is the number of event records that this process knows it lost since its start: overwritten in a full queue,
// refused by the receiver, or left at shutdown. Members report it in their keyframes.
func (t *Telemetry) Lost() int64 {
	if t.pipeline == nil {
		return 0
	}
	return t.pipeline.lost.Load()
}

// Waiting is the number of event records that are not exported yet.
func (t *Telemetry) Waiting() int {
	if t.pipeline == nil {
		return 0
	}
	return t.pipeline.waiting()
}

// OnRecovery registers f to be called when events can be exported again after an export failed or a record was lost, at
// most once a second: the time to send a keyframe. f is called from the exporting goroutine, so it must not block;
// where many members share a process, each should wait for a random part of a second before it sends. remove ends the
// registration.
func (t *Telemetry) OnRecovery(f func()) (remove func()) {
	if t.pipeline == nil {
		return func() {}
	}
	return t.pipeline.recovery.add(f)
}

// Flush exports everything emitted so far. If that does not succeed before ctx ends, it returns the cause.
func (t *Telemetry) Flush(ctx context.Context) error {
	if t.stopped.Load() {
		return nil
	}
	return t.each(func(e end) error { return e.flush(ctx) })
}

// Shutdown flushes and stops all providers concurrently, each within three seconds and within ctx. What was emitted
// before it is exported, or reported in the error as lost. What is emitted later is dropped, and later calls do
// nothing.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	if t.stopped.Swap(true) {
		return nil
	}
	return t.each(func(e end) error {
		ctx, cancel := context.WithTimeoutCause(ctx, shutdownLimit, fmt.Errorf("its records could not all be exported within %s", duration.Text(shutdownLimit)))
		defer cancel()
		defer e.abort()
		stop := context.AfterFunc(ctx, e.abort)
		defer stop()
		err := e.stop(ctx)
		if err != nil && err.Error() == context.DeadlineExceeded.Error() { // the bare text does not name the limit
			err = context.Cause(ctx)
		}
		return err
	})
}

func (t *Telemetry) each(do func(end) error) error {
	errs := make([]error, len(t.ends))
	var all sync.WaitGroup
	for i, e := range t.ends {
		all.Go(func() {
			if err := do(e); err != nil {
				errs[i] = fmt.Errorf("%s: %w", e.what, err)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}
