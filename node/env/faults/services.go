package faults

import (
	"context"
	"time"

	"chordconductor/node/nodepb"
)

// The services, method by method: calls go through the layer, served calls through it to the wrapped service.

type ringCaller struct{ caller }

func (c ringCaller) Ping(ctx context.Context, q *nodepb.PingRequest) (*nodepb.PingResponse, error) {
	return call(ctx, c.caller, q, func(limit time.Duration) func(context.Context, *nodepb.PingRequest) (*nodepb.PingResponse, error) {
		return c.layer.Env.Ring(c.addr, limit).Ping
	})
}

func (c ringCaller) Neighbors(ctx context.Context, q *nodepb.NeighborsRequest) (*nodepb.NeighborsResponse, error) {
	return call(ctx, c.caller, q, func(limit time.Duration) func(context.Context, *nodepb.NeighborsRequest) (*nodepb.NeighborsResponse, error) {
		return c.layer.Env.Ring(c.addr, limit).Neighbors
	})
}

func (c ringCaller) Notify(ctx context.Context, q *nodepb.NotifyRequest) (*nodepb.NotifyResponse, error) {
	return call(ctx, c.caller, q, func(limit time.Duration) func(context.Context, *nodepb.NotifyRequest) (*nodepb.NotifyResponse, error) {
		return c.layer.Env.Ring(c.addr, limit).Notify
	})
}

func (c ringCaller) Hint(ctx context.Context, q *nodepb.HintRequest) (*nodepb.HintResponse, error) {
	return call(ctx, c.caller, q, func(limit time.Duration) func(context.Context, *nodepb.HintRequest) (*nodepb.HintResponse, error) {
		return c.layer.Env.Ring(c.addr, limit).Hint
	})
}

func (c ringCaller) Depart(ctx context.Context, q *nodepb.DepartRequest) (*nodepb.DepartResponse, error) {
	return call(ctx, c.caller, q, func(limit time.Duration) func(context.Context, *nodepb.DepartRequest) (*nodepb.DepartResponse, error) {
		return c.layer.Env.Ring(c.addr, limit).Depart
	})
}

func (c ringCaller) LastCall(ctx context.Context, q *nodepb.LastCallRequest) (*nodepb.LastCallResponse, error) {
	return call(ctx, c.caller, q, func(limit time.Duration) func(context.Context, *nodepb.LastCallRequest) (*nodepb.LastCallResponse, error) {
		return c.layer.Env.Ring(c.addr, limit).LastCall
	})
}

func (c ringCaller) FindNext(ctx context.Context, q *nodepb.FindNextRequest) (*nodepb.FindNextResponse, error) {
	return call(ctx, c.caller, q, func(limit time.Duration) func(context.Context, *nodepb.FindNextRequest) (*nodepb.FindNextResponse, error) {
		return c.layer.Env.Ring(c.addr, limit).FindNext
	})
}

func (c ringCaller) Forward(ctx context.Context, q *nodepb.ForwardRequest) (*nodepb.ForwardResponse, error) {
	return call(ctx, c.caller, q, func(limit time.Duration) func(context.Context, *nodepb.ForwardRequest) (*nodepb.ForwardResponse, error) {
		return c.layer.Env.Ring(c.addr, limit).Forward
	})
}

func (c ringCaller) Answer(ctx context.Context, q *nodepb.AnswerRequest) (*nodepb.AnswerResponse, error) {
	return call(ctx, c.caller, q, func(limit time.Duration) func(context.Context, *nodepb.AnswerRequest) (*nodepb.AnswerResponse, error) {
		return c.layer.Env.Ring(c.addr, limit).Answer
	})
}

type keysCaller struct{ caller }

func (c keysCaller) Apply(ctx context.Context, q *nodepb.ApplyRequest) (*nodepb.ApplyResponse, error) {
	return call(ctx, c.caller, q, func(limit time.Duration) func(context.Context, *nodepb.ApplyRequest) (*nodepb.ApplyResponse, error) {
		return c.layer.Env.Keys(c.addr, limit).Apply
	})
}

func (c keysCaller) Survey(ctx context.Context, q *nodepb.SurveyRequest) (*nodepb.SurveyResponse, error) {
	return call(ctx, c.caller, q, func(limit time.Duration) func(context.Context, *nodepb.SurveyRequest) (*nodepb.SurveyResponse, error) {
		return c.layer.Env.Keys(c.addr, limit).Survey
	})
}

func (c keysCaller) Claim(ctx context.Context, q *nodepb.ClaimRequest) (*nodepb.ClaimResponse, error) {
	return call(ctx, c.caller, q, func(limit time.Duration) func(context.Context, *nodepb.ClaimRequest) (*nodepb.ClaimResponse, error) {
		return c.layer.Env.Keys(c.addr, limit).Claim
	})
}

func (c keysCaller) Move(ctx context.Context, q *nodepb.MoveRequest) (*nodepb.MoveResponse, error) {
	return call(ctx, c.caller, q, func(limit time.Duration) func(context.Context, *nodepb.MoveRequest) (*nodepb.MoveResponse, error) {
		return c.layer.Env.Keys(c.addr, limit).Move
	})
}

func (c keysCaller) Replicate(ctx context.Context, q *nodepb.ReplicateRequest) (*nodepb.ReplicateResponse, error) {
	return call(ctx, c.caller, q, func(limit time.Duration) func(context.Context, *nodepb.ReplicateRequest) (*nodepb.ReplicateResponse, error) {
		return c.layer.Env.Keys(c.addr, limit).Replicate
	})
}

func (c keysCaller) Fetch(ctx context.Context, q *nodepb.FetchRequest) (*nodepb.FetchResponse, error) {
	return call(ctx, c.caller, q, func(limit time.Duration) func(context.Context, *nodepb.FetchRequest) (*nodepb.FetchResponse, error) {
		return c.layer.Env.Keys(c.addr, limit).Fetch
	})
}

func (c keysCaller) Compare(ctx context.Context, q *nodepb.CompareRequest) (*nodepb.CompareResponse, error) {
	return call(ctx, c.caller, q, func(limit time.Duration) func(context.Context, *nodepb.CompareRequest) (*nodepb.CompareResponse, error) {
		return c.layer.Env.Keys(c.addr, limit).Compare
	})
}

func (c keysCaller) Discard(ctx context.Context, q *nodepb.DiscardRequest) (*nodepb.DiscardResponse, error) {
	return call(ctx, c.caller, q, func(limit time.Duration) func(context.Context, *nodepb.DiscardRequest) (*nodepb.DiscardResponse, error) {
		return c.layer.Env.Keys(c.addr, limit).Discard
	})
}

type ringServer struct {
	layer *Layer
	inner nodepb.RingServer
}

func (s ringServer) Ping(ctx context.Context, q *nodepb.PingRequest) (*nodepb.PingResponse, error) {
	return serve(ctx, s.layer, q, s.inner.Ping)
}

func (s ringServer) Neighbors(ctx context.Context, q *nodepb.NeighborsRequest) (*nodepb.NeighborsResponse, error) {
	return serve(ctx, s.layer, q, s.inner.Neighbors)
}

func (s ringServer) Notify(ctx context.Context, q *nodepb.NotifyRequest) (*nodepb.NotifyResponse, error) {
	return serve(ctx, s.layer, q, s.inner.Notify)
}

func (s ringServer) Hint(ctx context.Context, q *nodepb.HintRequest) (*nodepb.HintResponse, error) {
	return serve(ctx, s.layer, q, s.inner.Hint)
}

func (s ringServer) Depart(ctx context.Context, q *nodepb.DepartRequest) (*nodepb.DepartResponse, error) {
	return serve(ctx, s.layer, q, s.inner.Depart)
}

func (s ringServer) LastCall(ctx context.Context, q *nodepb.LastCallRequest) (*nodepb.LastCallResponse, error) {
	return serve(ctx, s.layer, q, s.inner.LastCall)
}

func (s ringServer) FindNext(ctx context.Context, q *nodepb.FindNextRequest) (*nodepb.FindNextResponse, error) {
	return serve(ctx, s.layer, q, s.inner.FindNext)
}

func (s ringServer) Forward(ctx context.Context, q *nodepb.ForwardRequest) (*nodepb.ForwardResponse, error) {
	return serve(ctx, s.layer, q, s.inner.Forward)
}

func (s ringServer) Answer(ctx context.Context, q *nodepb.AnswerRequest) (*nodepb.AnswerResponse, error) {
	return serve(ctx, s.layer, q, s.inner.Answer)
}

type keysServer struct {
	layer *Layer
	inner nodepb.KeysServer
}

func (s keysServer) Apply(ctx context.Context, q *nodepb.ApplyRequest) (*nodepb.ApplyResponse, error) {
	return serve(ctx, s.layer, q, s.inner.Apply)
}

func (s keysServer) Survey(ctx context.Context, q *nodepb.SurveyRequest) (*nodepb.SurveyResponse, error) {
	return serve(ctx, s.layer, q, s.inner.Survey)
}

func (s keysServer) Claim(ctx context.Context, q *nodepb.ClaimRequest) (*nodepb.ClaimResponse, error) {
	return serve(ctx, s.layer, q, s.inner.Claim)
}

func (s keysServer) Move(ctx context.Context, q *nodepb.MoveRequest) (*nodepb.MoveResponse, error) {
	return serve(ctx, s.layer, q, s.inner.Move)
}

func (s keysServer) Replicate(ctx context.Context, q *nodepb.ReplicateRequest) (*nodepb.ReplicateResponse, error) {
	return serve(ctx, s.layer, q, s.inner.Replicate)
}

func (s keysServer) Fetch(ctx context.Context, q *nodepb.FetchRequest) (*nodepb.FetchResponse, error) {
	return serve(ctx, s.layer, q, s.inner.Fetch)
}

func (s keysServer) Compare(ctx context.Context, q *nodepb.CompareRequest) (*nodepb.CompareResponse, error) {
	return serve(ctx, s.layer, q, s.inner.Compare)
}

func (s keysServer) Discard(ctx context.Context, q *nodepb.DiscardRequest) (*nodepb.DiscardResponse, error) {
	return serve(ctx, s.layer, q, s.inner.Discard)
}
