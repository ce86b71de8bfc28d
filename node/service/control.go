package service

import (
	"context"
	"crypto/subtle"
	"net"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"chordconductor/node/chord"
	"chordconductor/node/env"
	"chordconductor/node/env/faults"
	"chordconductor/node/member"
	"chordconductor/node/nodepb"
)

// maxStart bounds the members that one call may start.
const maxStart = 1000

// Control lets a controller command a host. It implements nodepb.HostServer.
type Control struct {
	host   *member.Host
	env    env.Env
	faults *faults.Layer
	token  string
}

// NewControl makes the service of a host. Without a token only callers on loopback are let in.
func NewControl(h *member.Host, e env.Env, f *faults.Layer, token string) *Control {
	return &Control{h, e, f, token}
}

func (c *Control) allow(ctx context.Context) error {
	if c.token == "" {
		if p, ok := peer.FromContext(ctx); ok {
			if tcp, ok := p.Addr.(*net.TCPAddr); ok && tcp.IP.IsLoopback() {
				return nil
			}
		}
		return status.Error(codes.Unauthenticated, "this host takes commands from loopback only; start it with --control-token to command it from elsewhere")
	}
	md, _ := metadata.FromIncomingContext(ctx)
	for _, value := range md.Get("authorization") {
		if given, ok := strings.CutPrefix(value, "Bearer "); ok && subtle.ConstantTimeCompare([]byte(given), []byte(c.token)) == 1 {
			return nil
		}
	}
	return status.Error(codes.Unauthenticated, "the control token is missing or wrong")
}

func (c *Control) StartMembers(ctx context.Context, q *nodepb.StartMembersRequest) (*nodepb.StartMembersResponse, error) {
	if err := c.allow(ctx); err != nil {
		return nil, err
	}
	if q.Count < 1 || q.Count > maxStart {
		return nil, status.Errorf(codes.InvalidArgument, "count %d: must be from 1 to %d", q.Count, maxStart)
	}
	started, err := c.host.Start(int(q.Count))
	if err != nil {
		return nil, toStatus(err)
	}
	answer := &nodepb.StartMembersResponse{}
	for _, m := range started {
		answer.Members = append(answer.Members, peerToWire(m.Self()))
	}
	return answer, nil
}

// StopMember answers when the member has left, or why it stays. A caller that does not wait as long changes nothing.
func (c *Control) StopMember(ctx context.Context, q *nodepb.StopMemberRequest) (*nodepb.StopMemberResponse, error) {
	if err := c.allow(ctx); err != nil {
		return nil, err
	}
	var id chord.ID
	if len(q.Id) != len(id) {
		return nil, status.Errorf(codes.InvalidArgument, "id: an identifier has %d bytes, not %d", len(id), len(q.Id))
	}
	copy(id[:], q.Id)
	m := c.host.Member(id)
	if m == nil {
		return nil, status.Errorf(codes.NotFound, "no member %s on this host", c.host.Space().Format(id))
	}
	if q.Crash {
		m.Crash()
		return &nodepb.StopMemberResponse{}, nil
	}
	done := make(chan error, 1)
	if err := c.env.Go(ctx, func(ctx context.Context) { done <- m.Leave(ctx) }); err != nil {
		return nil, toStatus(err)
	}
	select {
	case err := <-done:
		if err != nil {
			return nil, status.Error(codes.FailedPrecondition, err.Error())
		}
		return &nodepb.StopMemberResponse{}, nil
	case <-ctx.Done():
		return nil, status.FromContextError(ctx.Err()).Err()
	}
}

func (c *Control) SetFaults(ctx context.Context, q *nodepb.SetFaultsRequest) (*nodepb.SetFaultsResponse, error) {
	if err := c.allow(ctx); err != nil {
		return nil, err
	}
	rules := make([]faults.Rule, len(q.Faults))
	for i, f := range q.Faults {
		if f.LatencyMillis > time.Hour.Milliseconds() {
			return nil, status.Errorf(codes.InvalidArgument, "fault %d: a latency of more than an hour", i)
		}
		rules[i] = faults.Rule{Address: f.Address, Cut: f.Cut, Latency: time.Duration(f.LatencyMillis) * time.Millisecond, Loss: f.Loss}
	}
	if err := c.faults.Set(rules); err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	return &nodepb.SetFaultsResponse{}, nil
}
