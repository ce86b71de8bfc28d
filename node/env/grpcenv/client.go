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

// Conn gives access to the host at an address.
func (e *Env) Conn(addr string, limit time.Duration) grpc.ClientConnInterface {
	r := remote{e, addr, limit}
	if addr == e.addr {
		return env.Call(r.local)
	}
	return env.Call(r.call)
}

// remote is a host, and the time limit of calls to it.
type remote struct {
	e     *Env
	addr  string
	limit time.Duration
}

// call runs one call over the network and returns its outcome in the terms of env.
func (r remote) call(ctx context.Context, method string, request, answer any) error {
	c, err := r.e.pool.get(r.addr)
	if err != nil {
		return env.ErrTimeout // an address that cannot be dialled has no host
	}
	if c == nil {
		return env.ErrStopped
	}
	defer r.e.pool.put(c)
	limited, cancel := context.WithTimeout(ctx, r.e.late.grant(r.limit))
	defer cancel()
	if err = r.invoke(limited, c, method, request, answer); err == nil {
		return nil
	}
	if r.e.err() != nil {
		return env.ErrStopped
	}
	if ctx.Err() != nil {
		return ctx.Err() // the caller gave up, which is no information about the peer
	}
	switch status.Code(err) {
	case codes.DeadlineExceeded, codes.Unavailable, codes.Canceled:
		r.e.guard.Unverified(r.addr, method, err)
		if why := unconnected(status.Convert(err).Message()); why != "" {
			return &env.Unanswered{Why: why}
		}
		return env.ErrTimeout
	}
	return err
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

// local runs a call of the host to itself. Calls of the ring service are always answered immediately, so the time limit
// is not watched. A call of the key service may take long: past the limit the caller continues without the answer.
func (r remote) local(ctx context.Context, method string, request, answer any) error {
	if strings.HasPrefix(method, ringMethods) {
		received, err := r.e.own.Answer(ctx, method, request)
		if err == nil {
			env.Share(answer, received)
		}
		return err
	}
	type result struct {
		answer any
		err    error
	}
	done := make(chan result, 1)
	if err := r.e.Go(ctx, func(ctx context.Context) {
		received, err := r.e.own.Answer(ctx, method, request)
		done <- result{received, err}
	}); err != nil {
		return err
	}
	timer := time.NewTimer(r.e.late.grant(r.limit)) // the call may wait for one of its own, which is granted as much
	defer timer.Stop()
	select {
	case got := <-done:
		if got.err == nil {
			env.Share(answer, got.answer)
		}
		return got.err
	case <-timer.C:
		return env.ErrTimeout
	case <-ctx.Done():
		return ctx.Err()
	case <-r.e.stop:
		return env.ErrStopped
	}
}

// ringMethods is how the full names of the ring service's methods begin.
var ringMethods = "/" + nodepb.Ring_ServiceDesc.ServiceName + "/"
