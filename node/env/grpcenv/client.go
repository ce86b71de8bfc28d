package grpcenv

import (
	"context"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"chordconductor/node/env"
	"chordconductor/node/nodepb"
)

// Ring gives access to the ring service of the host at an address.
func (e *Env) Ring(addr string, limit time.Duration) nodepb.RingServer {
	if addr == e.addr {
		return e.ring // ring calls are answered immediately, always, so the limit is not watched
	}
	return ringClient{remote{e, addr, limit}}
}

// Keys gives access to the key service of the host at an address.
func (e *Env) Keys(addr string, limit time.Duration) nodepb.KeysServer {
	return keysClient{remote{e, addr, limit}}
}

// remote is a host, and the time limit of calls to it.
type remote struct {
	e     *Env
	addr  string
	limit time.Duration
}

// call runs one call and returns its outcome in the terms of env. Answer is the type of the answer, a message.
func call[Answer any](ctx context.Context, r remote, method string, request any) (*Answer, error) {
	c, err := r.e.pool.get(r.addr)
	if err != nil {
		return nil, env.ErrTimeout // an address that cannot be dialled has no host
	}
	if c == nil {
		return nil, env.ErrStopped
	}
	defer r.e.pool.put(c)
	limited, cancel := context.WithTimeout(ctx, r.e.late.grant(r.limit))
	defer cancel()
	answer := new(Answer)
	if err = r.invoke(limited, c, method, request, answer); err == nil {
		return answer, nil
	}
	if r.e.err() != nil {
		return nil, env.ErrStopped
	}
	if ctx.Err() != nil {
		return nil, ctx.Err() // the caller gave up, which is no information about the peer
	}
	switch status.Code(err) {
	case codes.DeadlineExceeded, codes.Unavailable, codes.Canceled:
		r.e.guard.Unverified(r.addr, method, err)
		if why := unconnected(status.Convert(err).Message()); why != "" {
			return nil, &env.Unanswered{Why: why}
		}
		return nil, env.ErrTimeout
	}
	return nil, err
}

// invoke makes the call, and refuses an answer that the peer gives in another host's name.
func (r remote) invoke(ctx context.Context, c *conn, method string, request, answer any) error {
	if !r.e.guard.ChecksAnswers() {
		return c.Invoke(ctx, method, request, answer)
	}
	var other peer.Peer
	if err := c.Invoke(ctx, method, request, answer, grpc.Peer(&other)); err != nil {
		return err
	}
	return r.e.guard.CheckAnswer(&other, method, answer)
}

// unconnected returns why there is no connection: the system's error text without gRPC's around it, or empty if there
// is none.
func unconnected(message string) string {
	_, why, found := strings.Cut(message, "transport: ")
	if !found {
		return ""
	}
	why = strings.Trim(strings.TrimPrefix(why, "Error while dialing: "), `"\`)
	if _, lookup, found := strings.Cut(why, ": lookup "); found {
		return "the address does not resolve: lookup " + lookup
	}
	return why
}

// local runs a call to the host itself that may take long. Past the limit the caller continues without the answer.
func local[Answer any](ctx context.Context, r remote, method func(context.Context) (*Answer, error)) (*Answer, error) {
	type result struct {
		answer *Answer
		err    error
	}
	done := make(chan result, 1)
	if err := r.e.Go(ctx, func(ctx context.Context) {
		answer, err := method(ctx)
		done <- result{answer, err}
	}); err != nil {
		return nil, err
	}
	timer := time.NewTimer(r.e.late.grant(r.limit)) // the call may wait for one of its own, which is granted as much
	defer timer.Stop()
	select {
	case got := <-done:
		return got.answer, got.err
	case <-timer.C:
		return nil, env.ErrTimeout
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-r.e.stop:
		return nil, env.ErrStopped
	}
}

// ringClient turns the server interface, which members call each other by, into RPCs.
type ringClient struct{ remote }

func (c ringClient) Ping(ctx context.Context, q *nodepb.PingRequest) (*nodepb.PingResponse, error) {
	return call[nodepb.PingResponse](ctx, c.remote, nodepb.Ring_Ping_FullMethodName, q)
}

func (c ringClient) Neighbors(ctx context.Context, q *nodepb.NeighborsRequest) (*nodepb.NeighborsResponse, error) {
	return call[nodepb.NeighborsResponse](ctx, c.remote, nodepb.Ring_Neighbors_FullMethodName, q)
}

func (c ringClient) Notify(ctx context.Context, q *nodepb.NotifyRequest) (*nodepb.NotifyResponse, error) {
	return call[nodepb.NotifyResponse](ctx, c.remote, nodepb.Ring_Notify_FullMethodName, q)
}

func (c ringClient) Hint(ctx context.Context, q *nodepb.HintRequest) (*nodepb.HintResponse, error) {
	return call[nodepb.HintResponse](ctx, c.remote, nodepb.Ring_Hint_FullMethodName, q)
}

func (c ringClient) Depart(ctx context.Context, q *nodepb.DepartRequest) (*nodepb.DepartResponse, error) {
	return call[nodepb.DepartResponse](ctx, c.remote, nodepb.Ring_Depart_FullMethodName, q)
}

func (c ringClient) LastCall(ctx context.Context, q *nodepb.LastCallRequest) (*nodepb.LastCallResponse, error) {
	return call[nodepb.LastCallResponse](ctx, c.remote, nodepb.Ring_LastCall_FullMethodName, q)
}

func (c ringClient) FindNext(ctx context.Context, q *nodepb.FindNextRequest) (*nodepb.FindNextResponse, error) {
	return call[nodepb.FindNextResponse](ctx, c.remote, nodepb.Ring_FindNext_FullMethodName, q)
}

func (c ringClient) Forward(ctx context.Context, q *nodepb.ForwardRequest) (*nodepb.ForwardResponse, error) {
	return call[nodepb.ForwardResponse](ctx, c.remote, nodepb.Ring_Forward_FullMethodName, q)
}

func (c ringClient) Answer(ctx context.Context, q *nodepb.AnswerRequest) (*nodepb.AnswerResponse, error) {
	return call[nodepb.AnswerResponse](ctx, c.remote, nodepb.Ring_Answer_FullMethodName, q)
}
