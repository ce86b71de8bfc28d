package simenv

import (
	"context"
	"time"

	"chordconductor/node/env"
)

// caller is a host that calls an address.
type caller struct {
	h     *Host
	addr  string
	limit time.Duration
}

// call sends a request over the network and blocks until the answer is back, or the limit has passed (lost messages,
// and those to a host that has ended, are never answered), or the call that it is made in service of has ended.
func (c caller) call(ctx context.Context, method string, request, answer any) error {
	w, t := c.h.w, c.h.w.current
	var received any
	var failure error
	outer := callOf(ctx)
	if outer != nil && outer.err != nil {
		return outer.err
	}
	var serving *callContext // nil: the request has not arrived, or is the host's own and so not sent over the network
	var delay time.Duration
	err := t.block(func(wait uint64) {
		w.schedule(c.limit, func() { t.wake(wait, env.ErrTimeout) })
		outer.await(waiter{t, wait})
		delay = c.send(func() {
			server := w.hosts[c.addr]
			if server != nil && server.exited {
				c.send(func() { t.wake(wait, env.ErrTimeout) })
				return
			}
			if server == nil || server.crashed || server.services == nil {
				return
			}
			inner := newCallContext(ctx)
			if server != c.h {
				serving = inner
			}
			w.start(server, inner, func(ctx context.Context) {
				a, err := server.services.Answer(ctx, method, request)
				if serving != nil {
					serving.end(w, context.Canceled)
				}
				switch {
				case server.exited: // its connections are closed
					c.send(func() { t.wake(wait, env.ErrTimeout) })
					return
				case server.crashed:
					return
				}
				c.send(func() {
					if t.wait == wait {
						received, failure = a, err
						t.wake(wait, nil)
					}
				})
			})
		})
	})
	outer.forget(t)
	if err == nil {
		if failure == nil {
			env.Share(answer, received)
		}
		return failure
	}
	why := context.Canceled
	if err == env.ErrTimeout {
		why = context.DeadlineExceeded
	}
	w.schedule(delay, func() { // as long as the request took: it does not overtake the request
		if serving != nil {
			serving.end(w, why)
		}
	})
	return err
}

// send delivers a message after its delay, which it returns, or loses it. Messages to the host itself are neither
// delayed nor lost.
func (c caller) send(deliver func()) time.Duration {
	w := c.h.w
	if c.addr == c.h.addr {
		w.schedule(0, deliver)
		return 0
	}
	delay := w.cfg.Delay(w.random)
	if w.cfg.Loss > 0 && w.random.Float64() < w.cfg.Loss {
		return delay
	}
	w.schedule(delay, deliver)
	return delay
}
