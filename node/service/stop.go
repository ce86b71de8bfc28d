package service

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"chordconductor/node/chord"
	"chordconductor/node/kv"
	"chordconductor/node/member"
	"chordconductor/node/nodepb"
)

// stopMember answers when the member, or all, have left, or returns why they stay. A caller's shorter time limit does
// not stop the leave.
func (c *Control) stopMember(ctx context.Context, q *nodepb.StopMemberRequest) (*nodepb.StopMemberResponse, error) {
	leave, crash, err := c.toStop(q)
	if err != nil {
		return nil, err
	}
	if q.Crash {
		crash()
		return &nodepb.StopMemberResponse{}, nil
	}
	type outcome struct {
		ending member.Ending
		err    error
	}
	done := make(chan outcome, 1)
	if err := c.env.Go(ctx, func(ctx context.Context) {
		ending, err := leave(ctx)
		done <- outcome{ending, err}
	}); err != nil {
		return nil, toStatus(err)
	}
	select {
	case o := <-done:
		switch {
		case o.err != nil && o.ending.Members > 0:
			return nil, status.Errorf(codes.FailedPrecondition, "%v; %d key(s) ended with them", o.err, o.ending.Keys)
		case errors.Is(o.err, kv.ErrLastHost):
			return nil, status.Errorf(codes.FailedPrecondition, "%v; to end the ring and its keys, force the leave", o.err)
		case o.err != nil:
			return nil, status.Error(codes.FailedPrecondition, o.err.Error())
		}
		return &nodepb.StopMemberResponse{RingEnded: o.ending.Ring, KeysEnded: o.ending.Keys}, nil
	case <-ctx.Done():
		return nil, status.FromContextError(ctx.Err()).Err()
	}
}

// toStop returns the leave and the crash of what a request names: a member, or without an identifier all of the host.
func (c *Control) toStop(q *nodepb.StopMemberRequest) (leave func(context.Context) (member.Ending, error), crash func(), err error) {
	var id chord.ID
	switch len(q.Id) {
	case 0:
		if leave = c.host.Leave; q.Force {
			leave = c.host.End
		}
		return leave, c.host.Crash, nil
	case len(id):
		copy(id[:], q.Id)
	default:
		return nil, nil, status.Errorf(codes.InvalidArgument, "id: expected an identifier of %d bytes, got %d", len(id), len(q.Id))
	}
	m := c.host.Member(id)
	if m == nil {
		return nil, nil, status.Errorf(codes.NotFound, "no member %s on this host", c.host.Space().Format(id))
	}
	if leave = m.Leave; q.Force {
		leave = m.End
	}
	return leave, m.Crash, nil
}
