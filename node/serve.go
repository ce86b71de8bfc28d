package main

import (
	"context"

	"chordconductor/node/host"
)

// serve runs a host until ctx ends, then makes it leave.
func serve(ctx context.Context, end *ending, o *options) error {
	if err := o.check(); err != nil {
		return usageError{err}
	}
	h, err := host.Open(o.config())
	if err != nil {
		return usageError{err}
	}
	end.host.Store(h)
	lifetime, _ := parseLifetime("--die-after", o.dieAfter) // checked above
	lifetime.begin(ctx, die)
	if err := h.Joined(ctx); err != nil && ctx.Err() == nil {
		_ = h.Close(context.Background()) // no member has joined, so none has to leave
		return err
	}
	<-ctx.Done()
	printf("leaving: handing the keys off takes %v at most; another signal ends it at once", host.LeaveLimit)
	return h.Close(context.Background())
}
