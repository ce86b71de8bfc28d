package grpcenv

import (
	"context"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"chordconductor/node/env"
	"chordconductor/node/env/exchange"
	"chordconductor/node/nodepb"
)

// Conn returns the connection to the host at an address.
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

// call makes one call over the network and returns its outcome as an error of package env.
func (r remote) call(ctx context.Context, method string, request, answer any) error {
	ctx, call := r.e.calls.Client(ctx, r.addr, method, request)
	limit := r.e.late.grant(r.limit)
	own, bounded := ctx.Deadline()
	bounded = bounded && time.Until(own) < limit // the call ends for its caller, not for the peer's silence
	err := r.send(ctx, limit, method, request, answer)
	call.End(err)
	switch {
	case err == nil:
		return nil
	case r.e.err() != nil:
		return env.ErrStopped
	case bounded && env.StatusOf(err).Code() == codes.DeadlineExceeded:
		return context.DeadlineExceeded // the peer may notice it first
	case ctx.Err() != nil:
		return ctx.Err() // the caller gave up, which is no evidence about the peer
	case err == exchange.ErrBroken:
		return env.ErrBroken
	}
	switch st := env.StatusOf(err); st.Code() {
	case codes.DeadlineExceeded, codes.Unavailable, codes.Canceled:
		r.e.guard.Unverified(r.addr, method, err)
		if why := unconnected(st.Message()); why != "" {
			return &env.Unanswered{Why: why, Refused: strings.HasSuffix(why, syscall.ECONNREFUSED.Error())}
		}
		return env.ErrTimeout
	}
	return err
}

// send makes the call over the stream to the host, or as a unary call if the host has no streams.
// It refuses an answer that names another host as its sender.
func (r remote) send(ctx context.Context, limit time.Duration, method string, request, answer any) error {
	began := time.Now()
	c, err := r.e.pool.get(r.addr)
	if err != nil {
		return status.Errorf(codes.Unavailable, "transport: %v", err) // an address that cannot be dialled has no host
	}
	if c == nil {
		return context.Canceled // the environment has ended
	}
	defer r.e.pool.put(c)
	header := r.e.calls.Inject(ctx)
	if c.hasStreams() {
		err := c.streams.Call(ctx, limit, method, request.(proto.Message), answer.(proto.Message), header)
		if err != exchange.ErrNoStreams {
			return err
		}
		c.lacksStreams()
	}
	ctx, cancel := context.WithDeadline(ctx, began.Add(limit))
	defer cancel()
	var from peer.Peer
	if err := c.Invoke(metadata.AppendToOutgoingContext(ctx, header...), method, request, answer, grpc.Peer(&from)); err != nil {
		return err
	}
	return r.e.guard.CheckAnswer(&from, method, answer)
}

// unconnected returns why there is no connection: the system's error text without gRPC's text
// around it. It returns the empty text if message is of another kind.
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

// local carries out a call of the host to itself. Calls of the ring service are always answered
// immediately, so their time limit is not watched. A call of the key service may take long: after
// the limit the caller continues without the answer.
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
	timer := time.NewTimer(r.e.late.grant(r.limit)) // the call may in turn wait for a call to another host, which is granted as much
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

// The prefixes of the full names of each service's methods.
var (
	ringMethods     = "/" + nodepb.Ring_ServiceDesc.ServiceName + "/"
	keysMethods     = "/" + nodepb.Keys_ServiceDesc.ServiceName + "/"
	exchangeMethods = "/" + nodepb.Exchange_ServiceDesc.ServiceName + "/"
)
