package grpcenv

import (
	"context"

	"chordconductor/node/nodepb"
)

func (c keysClient) Survey(ctx context.Context, q *nodepb.SurveyRequest) (*nodepb.SurveyResponse, error) {
	if c.addr == c.e.addr {
		return local(ctx, c.remote, c.e.keys.Survey, q)
	}
	return call[nodepb.SurveyResponse](ctx, c.remote, nodepb.Keys_Survey_FullMethodName, q)
}

func (c keysClient) Claim(ctx context.Context, q *nodepb.ClaimRequest) (*nodepb.ClaimResponse, error) {
	if c.addr == c.e.addr {
		return local(ctx, c.remote, c.e.keys.Claim, q)
	}
	return call[nodepb.ClaimResponse](ctx, c.remote, nodepb.Keys_Claim_FullMethodName, q)
}

func (c keysClient) Move(ctx context.Context, q *nodepb.MoveRequest) (*nodepb.MoveResponse, error) {
	if c.addr == c.e.addr {
		return local(ctx, c.remote, c.e.keys.Move, q)
	}
	return call[nodepb.MoveResponse](ctx, c.remote, nodepb.Keys_Move_FullMethodName, q)
}

func (c keysClient) Fetch(ctx context.Context, q *nodepb.FetchRequest) (*nodepb.FetchResponse, error) {
	if c.addr == c.e.addr {
		return local(ctx, c.remote, c.e.keys.Fetch, q)
	}
	return call[nodepb.FetchResponse](ctx, c.remote, nodepb.Keys_Fetch_FullMethodName, q)
}

func (c keysClient) Compare(ctx context.Context, q *nodepb.CompareRequest) (*nodepb.CompareResponse, error) {
	if c.addr == c.e.addr {
		return local(ctx, c.remote, c.e.keys.Compare, q)
	}
	return call[nodepb.CompareResponse](ctx, c.remote, nodepb.Keys_Compare_FullMethodName, q)
}

func (c keysClient) Discard(ctx context.Context, q *nodepb.DiscardRequest) (*nodepb.DiscardResponse, error) {
	if c.addr == c.e.addr {
		return local(ctx, c.remote, c.e.keys.Discard, q)
	}
	return call[nodepb.DiscardResponse](ctx, c.remote, nodepb.Keys_Discard_FullMethodName, q)
}
