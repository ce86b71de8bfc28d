package service

import (
	"context"
	"net"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"chordconductor/node/nodepb"
)

// Challenge proves to a controller that this host holds the token.
func (c *Control) Challenge(_ context.Context, q *nodepb.ChallengeRequest) (*nodepb.ChallengeResponse, error) {
	if c.auth == nil {
		return nil, noToken()
	}
	nonce, mac, err := c.auth.Challenge(q.GetNonce(), q.GetAddress())
	if err != nil {
		return nil, status.Error(codes.FailedPrecondition, err.Error())
	}
	return &nodepb.ChallengeResponse{Nonce: nonce, Instance: c.auth.Instance(), Mac: mac}, nil
}

func noToken() error {
	return status.Error(codes.FailedPrecondition, "this host has no control token: it accepts commands only from loopback, unsigned; start it with --control-token")
}

// Command executes a signed command. Its bytes are decoded only after the signature is verified.
func (c *Control) Command(ctx context.Context, q *nodepb.CommandRequest) (*nodepb.CommandResponse, error) {
	if c.auth == nil {
		return nil, noToken()
	}
	if err := c.auth.Verify(q.GetNonce(), q.GetCounter(), q.GetMethod(), q.GetRequest(), q.GetMac()); err != nil {
		return nil, status.Errorf(codes.Unauthenticated, "the host refused the command: %v", err)
	}
	switch q.GetMethod() {
	case nodepb.Host_StartMembers_FullMethodName:
		return carry(ctx, q, new(nodepb.StartMembersRequest), c.startMembers)
	case nodepb.Host_StopMember_FullMethodName:
		return carry(ctx, q, new(nodepb.StopMemberRequest), c.stopMember)
	case nodepb.Host_SetFaults_FullMethodName:
		return carry(ctx, q, new(nodepb.SetFaultsRequest), c.setFaults)
	}
	return nil, status.Errorf(codes.Unimplemented, "this host has no command %.80q", q.GetMethod())
}

func carry[Request, Response proto.Message](ctx context.Context, q *nodepb.CommandRequest, request Request, do func(context.Context, Request) (Response, error)) (*nodepb.CommandResponse, error) {
	if err := proto.Unmarshal(q.GetRequest(), request); err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "%s: cannot decode the request: %v", q.GetMethod(), err)
	}
	response, err := do(ctx, request)
	if err != nil {
		return nil, err
	}
	data, err := proto.Marshal(response)
	if err != nil {
		return nil, status.Errorf(codes.Internal, "%s: cannot encode the response: %v", q.GetMethod(), err)
	}
	return &nodepb.CommandResponse{Response: data}, nil
}

// unsigned accepts a command without a signature, or returns why not.
func (c *Control) unsigned(ctx context.Context) error {
	if c.auth != nil {
		md, _ := metadata.FromIncomingContext(ctx)
		if len(md.Get("authorization")) > 0 {
			return status.Error(codes.Unauthenticated, "this host accepts only signed commands, and no bearer token, which a receiver could misuse: update the controller, and change the token if it was sent over a network")
		}
		return status.Error(codes.Unauthenticated, "this host has a control token and accepts only signed commands (chord.v1.Host/Challenge, then Command)")
	}
	if p, ok := peer.FromContext(ctx); ok {
		if tcp, ok := p.Addr.(*net.TCPAddr); ok && tcp.IP.IsLoopback() {
			return nil
		}
	}
	return status.Error(codes.Unauthenticated, "this host accepts commands only from loopback; start it with --control-token to command it from elsewhere")
}

// StartMembers, StopMember and SetFaults are the commands without a signature.
func (c *Control) StartMembers(ctx context.Context, q *nodepb.StartMembersRequest) (*nodepb.StartMembersResponse, error) {
	if err := c.unsigned(ctx); err != nil {
		return nil, err
	}
	return c.startMembers(ctx, q)
}

func (c *Control) StopMember(ctx context.Context, q *nodepb.StopMemberRequest) (*nodepb.StopMemberResponse, error) {
	if err := c.unsigned(ctx); err != nil {
		return nil, err
	}
	return c.stopMember(ctx, q)
}

func (c *Control) SetFaults(ctx context.Context, q *nodepb.SetFaultsRequest) (*nodepb.SetFaultsResponse, error) {
	if err := c.unsigned(ctx); err != nil {
		return nil, err
	}
	return c.setFaults(ctx, q)
}
