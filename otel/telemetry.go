package otel

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"chordconductor/internal/duration"
)

// Lost returns the number of event records that this process knows to be lost since its start:
// overwritten in a full queue, rejected by the receiver, or left at shutdown. Members report it in
// their keyframes.
func (t *Telemetry) Lost() int64 {
	if t.pipeline == nil {
		return 0
	}
	return t.pipeline.lost.Load()
}

// Waiting returns the number of event records that are not exported yet.
func (t *Telemetry) Waiting() int {
	if t.pipeline == nil {
		return 0
	}
	return t.pipeline.waiting()
}

// OnRecovery registers f to be called, at most once a second, when events can be exported again
// after an export failed or a record was lost: then members should send keyframes. The exporting
// goroutine calls f, so f must not block. If many members share the process, each should wait for a
// random part of a second before it sends. remove ends the registration.
func (t *Telemetry) OnRecovery(f func()) (remove func()) {
	if t.pipeline == nil {
		return func() {}
	}
	return t.pipeline.recovery.add(f)
}

// Flush exports all that was emitted before the call. If ctx ends earlier, Flush returns the cause.
func (t *Telemetry) Flush(ctx context.Context) error {
	if t.stopped.Load() {
		return nil
	}
	return t.each(func(e end) error { return e.flush(ctx) })
}

// Shutdown flushes and stops all providers concurrently, each within three seconds and within ctx.
// What was emitted before the call is either exported, or reported in the error as lost. What is
// emitted later is dropped, and later calls do nothing.
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
		if err != nil && err.Error() == context.DeadlineExceeded.Error() { // the text of that error alone does not give the limit
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
