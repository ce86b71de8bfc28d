package simenv

import (
	"context"
	"time"

	"chordconductor/node/env"
	"chordconductor/node/nodepb"
)

// caller is a host that calls an address.
type caller struct {
	h     *Host
	addr  string
	limit time.Duration
}

// call sends a request over the network and blocks until the answer is back, or the limit has passed (lost messages,
// and those to a host that has ended, are never answered), or the call that it is made in service of has ended.
func call[Q, A any](ctx context.Context, c caller, request Q, method func(*Host) func(context.Context, Q) (A, error)) (A, error) {
	w, t := c.h.w, c.h.w.current
	var none, answer A
	var failure error
	outer := callOf(ctx)
	if outer != nil && outer.err != nil {
		return none, outer.err
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
			if server == nil || server.crashed || server.ring == nil {
				return
			}
			inner := newCallContext(ctx)
			if server != c.h {
				serving = inner
			}
			w.start(server, inner, func(ctx context.Context) {
				a, err := method(server)(ctx, request)
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
						answer, failure = a, err
						t.wake(wait, nil)
					}
				})
			})
		})
	})
	outer.forget(t)
	if err == nil {
		return answer, failure
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
	return none, err
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

type ringCaller struct{ caller }

func (c ringCaller) Ping(ctx context.Context, q *nodepb.PingRequest) (*nodepb.PingResponse, error) {
	return call(ctx, c.caller, q, func(h *Host) func(context.Context, *nodepb.PingRequest) (*nodepb.PingResponse, error) {
		return h.ring.Ping
	})
}

func (c ringCaller) Neighbors(ctx context.Context, q *nodepb.NeighborsRequest) (*nodepb.NeighborsResponse, error) {
	return call(ctx, c.caller, q, func(h *Host) func(context.Context, *nodepb.NeighborsRequest) (*nodepb.NeighborsResponse, error) {
		return h.ring.Neighbors
	})
}

func (c ringCaller) Notify(ctx context.Context, q *nodepb.NotifyRequest) (*nodepb.NotifyResponse, error) {
	return call(ctx, c.caller, q, func(h *Host) func(context.Context, *nodepb.NotifyRequest) (*nodepb.NotifyResponse, error) {
		return h.ring.Notify
	})
}

func (c ringCaller) Hint(ctx context.Context, q *nodepb.HintRequest) (*nodepb.HintResponse, error) {
	return call(ctx, c.caller, q, func(h *Host) func(context.Context, *nodepb.HintRequest) (*nodepb.HintResponse, error) {
		return h.ring.Hint
	})
}

func (c ringCaller) Depart(ctx context.Context, q *nodepb.DepartRequest) (*nodepb.DepartResponse, error) {
	return call(ctx, c.caller, q, func(h *Host) func(context.Context, *nodepb.DepartRequest) (*nodepb.DepartResponse, error) {
		return h.ring.Depart
	})
}

func (c ringCaller) LastCall(ctx context.Context, q *nodepb.LastCallRequest) (*nodepb.LastCallResponse, error) {
	return call(ctx, c.caller, q, func(h *Host) func(context.Context, *nodepb.LastCallRequest) (*nodepb.LastCallResponse, error) {
		return h.ring.LastCall
	})
}

func (c ringCaller) FindNext(ctx context.Context, q *nodepb.FindNextRequest) (*nodepb.FindNextResponse, error) {
	return call(ctx, c.caller, q, func(h *Host) func(context.Context, *nodepb.FindNextRequest) (*nodepb.FindNextResponse, error) {
		return h.ring.FindNext
	})
}

func (c ringCaller) Forward(ctx context.Context, q *nodepb.ForwardRequest) (*nodepb.ForwardResponse, error) {
	return call(ctx, c.caller, q, func(h *Host) func(context.Context, *nodepb.ForwardRequest) (*nodepb.ForwardResponse, error) {
		return h.ring.Forward
	})
}

func (c ringCaller) Answer(ctx context.Context, q *nodepb.AnswerRequest) (*nodepb.AnswerResponse, error) {
	return call(ctx, c.caller, q, func(h *Host) func(context.Context, *nodepb.AnswerRequest) (*nodepb.AnswerResponse, error) {
		return h.ring.Answer
	})
}

type keysCaller struct{ caller }

func (c keysCaller) Apply(ctx context.Context, q *nodepb.ApplyRequest) (*nodepb.ApplyResponse, error) {
	return call(ctx, c.caller, q, func(h *Host) func(context.Context, *nodepb.ApplyRequest) (*nodepb.ApplyResponse, error) {
		return h.keys.Apply
	})
}

func (c keysCaller) Survey(ctx context.Context, q *nodepb.SurveyRequest) (*nodepb.SurveyResponse, error) {
	return call(ctx, c.caller, q, func(h *Host) func(context.Context, *nodepb.SurveyRequest) (*nodepb.SurveyResponse, error) {
		return h.keys.Survey
	})
}

func (c keysCaller) Claim(ctx context.Context, q *nodepb.ClaimRequest) (*nodepb.ClaimResponse, error) {
	return call(ctx, c.caller, q, func(h *Host) func(context.Context, *nodepb.ClaimRequest) (*nodepb.ClaimResponse, error) {
		return h.keys.Claim
	})
}

func (c keysCaller) Move(ctx context.Context, q *nodepb.MoveRequest) (*nodepb.MoveResponse, error) {
	return call(ctx, c.caller, q, func(h *Host) func(context.Context, *nodepb.MoveRequest) (*nodepb.MoveResponse, error) {
		return h.keys.Move
	})
}

func (c keysCaller) Replicate(ctx context.Context, q *nodepb.ReplicateRequest) (*nodepb.ReplicateResponse, error) {
	return call(ctx, c.caller, q, func(h *Host) func(context.Context, *nodepb.ReplicateRequest) (*nodepb.ReplicateResponse, error) {
		return h.keys.Replicate
	})
}

func (c keysCaller) Fetch(ctx context.Context, q *nodepb.FetchRequest) (*nodepb.FetchResponse, error) {
	return call(ctx, c.caller, q, func(h *Host) func(context.Context, *nodepb.FetchRequest) (*nodepb.FetchResponse, error) {
		return h.keys.Fetch
	})
}

func (c keysCaller) Compare(ctx context.Context, q *nodepb.CompareRequest) (*nodepb.CompareResponse, error) {
	return call(ctx, c.caller, q, func(h *Host) func(context.Context, *nodepb.CompareRequest) (*nodepb.CompareResponse, error) {
		return h.keys.Compare
	})
}

func (c keysCaller) Discard(ctx context.Context, q *nodepb.DiscardRequest) (*nodepb.DiscardResponse, error) {
	return call(ctx, c.caller, q, func(h *Host) func(context.Context, *nodepb.DiscardRequest) (*nodepb.DiscardResponse, error) {
		return h.keys.Discard
	})
}
