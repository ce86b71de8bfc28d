package simenv

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// callContext is the part of a caller's context that crosses the network to the callee: its trace, and its end. As over
// gRPC it ends when the call is answered, when the caller's time limit passes, and when the caller gives up or has
// crashed; the last two take effect after the time that a message takes.
//
// Tasks that call peers under it are woken by the world, not by the done channel: nothing waits for a goroutine. Package
// context cannot know that, so contexts with a cancel or a deadline of their own are not to be derived from it.
type callContext struct {
	context.Context // the trace; never cancelled
	err             error
	done            chan struct{} // nil until Done is called
	waiting         []waiter      // tasks that wait for answers under it: one, as a rule
}

func newCallContext(caller context.Context) *callContext {
	sc := trace.SpanContextFromContext(caller)
	if !sc.IsValid() {
		return &callContext{Context: context.Background()}
	}
	return &callContext{Context: trace.ContextWithRemoteSpanContext(context.Background(), sc)}
}

func (c *callContext) Deadline() (time.Time, bool) { return time.Time{}, false }
func (c *callContext) Err() error                  { return c.err }

func (c *callContext) Done() <-chan struct{} {
	if c.done == nil {
		c.done = make(chan struct{})
		if c.err != nil {
			close(c.done)
		}
	}
	return c.done
}

// callKey finds the callContext beneath a context.
type callKey struct{}

func (c *callContext) Value(key any) any {
	if key == (callKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// callOf is the callContext with which ctx ends, or nil.
func callOf(ctx context.Context) *callContext {
	if c, ok := ctx.Value(callKey{}).(*callContext); ok && ctx.Done() == c.Done() {
		return c
	}
	return nil
}

// end ends the context, if it has not ended.
func (c *callContext) end(w *World, err error) {
	if c.err != nil {
		return
	}
	c.err = err
	if c.done != nil {
		close(c.done)
	}
	for _, x := range c.waiting {
		w.schedule(0, func() { x.t.wake(x.wait, err) })
	}
	c.waiting = nil
}

// await makes the end of the context end a wait, until forgotten. A nil context never ends.
func (c *callContext) await(x waiter) {
	if c != nil {
		c.waiting = append(c.waiting, x)
	}
}

func (c *callContext) forget(t *task) {
	if c == nil {
		return
	}
	for i, x := range c.waiting {
		if x.t == t {
			c.waiting = append(c.waiting[:i], c.waiting[i+1:]...)
			return
		}
	}
}
