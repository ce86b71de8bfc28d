package grpcenv

import (
	"context"

	"chordconductor/node/nodepb"
)

// keysClient turns the server interface, which members call each other by, into RPCs.
type keysClient struct{ remote }

// keysCall is one call of the key service: to another host over the network, to the host itself within the process.
func keysCall[Request, Answer any](ctx context.Context, c keysClient, name string,
	method func(nodepb.KeysServer, context.Context, *Request) (*Answer, error), q *Request) (*Answer, error) {
	if c.addr != c.e.addr {
		return call[Answer](ctx, c.remote, name, q)
	}
	return local(ctx, c.remote, func(ctx context.Context) (*Answer, error) { return method(c.e.keys, ctx, q) })
}

func (c keysClient) Apply(ctx context.Context, q *nodepb.ApplyRequest) (*nodepb.ApplyResponse, error) {
	return keysCall(ctx, c, nodepb.Keys_Apply_FullMethodName, nodepb.KeysServer.Apply, q)
}

func (c keysClient) Replicate(ctx context.Context, q *nodepb.ReplicateRequest) (*nodepb.ReplicateResponse, error) {
	return keysCall(ctx, c, nodepb.Keys_Replicate_FullMethodName, nodepb.KeysServer.Replicate, q)
}

func (c keysClient) Survey(ctx context.Context, q *nodepb.SurveyRequest) (*nodepb.SurveyResponse, error) {
	return keysCall(ctx, c, nodepb.Keys_Survey_FullMethodName, nodepb.KeysServer.Survey, q)
}

func (c keysClient) Claim(ctx context.Context, q *nodepb.ClaimRequest) (*nodepb.ClaimResponse, error) {
	return keysCall(ctx, c, nodepb.Keys_Claim_FullMethodName, nodepb.KeysServer.Claim, q)
}

func (c keysClient) Move(ctx context.Context, q *nodepb.MoveRequest) (*nodepb.MoveResponse, error) {
	return keysCall(ctx, c, nodepb.Keys_Move_FullMethodName, nodepb.KeysServer.Move, q)
}

func (c keysClient) Fetch(ctx context.Context, q *nodepb.FetchRequest) (*nodepb.FetchResponse, error) {
	return keysCall(ctx, c, nodepb.Keys_Fetch_FullMethodName, nodepb.KeysServer.Fetch, q)
}

func (c keysClient) Compare(ctx context.Context, q *nodepb.CompareRequest) (*nodepb.CompareResponse, error) {
	return keysCall(ctx, c, nodepb.Keys_Compare_FullMethodName, nodepb.KeysServer.Compare, q)
}

func (c keysClient) Discard(ctx context.Context, q *nodepb.DiscardRequest) (*nodepb.DiscardResponse, error) {
	return keysCall(ctx, c, nodepb.Keys_Discard_FullMethodName, nodepb.KeysServer.Discard, q)
}
