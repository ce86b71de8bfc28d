package access

import (
	"net"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"chordconductor/node/nodepb"
)

// statements are the members in whose names a message makes statements. What a message states about
// other members is not verified here: its receiver calls these members.
type statements struct {
	from  *nodepb.Peer // a request must have it
	owner *nodepb.Peer // nil if the message does not state its sender's own ownership
}

// speaksFor returns the members in whose names a request of the peer services makes statements.
func speaksFor(request any) (s statements) {
	if q, ok := request.(interface{ GetCall() *nodepb.Call }); ok {
		s.from = q.GetCall().GetFrom()
	}
	switch q := request.(type) {
	case *nodepb.ReplicateRequest:
		s.owner = q.GetOwnership().GetOwner()
	case *nodepb.CompareRequest:
		s.owner = q.GetOwnership().GetOwner()
	case *nodepb.AnswerRequest:
		s.owner = q.GetOwner()
	}
	return s
}

// own verifies that the certificate of the sending host covers the members in whose names a message
// makes statements.
func (h *Host) own(c caller, s statements) error {
	if err := c.names(s.from); err != nil || s.owner == nil {
		return err
	}
	return c.names(s.owner)
}

// names returns nil if the caller's certificate is for the host of a member. For no member (nil) it
// returns an error.
func (c caller) names(p *nodepb.Peer) error {
	if host, _, err := net.SplitHostPort(p.GetAddress()); err == nil && c.leaf.VerifyHostname(host) == nil {
		return nil
	}
	return status.Errorf(codes.PermissionDenied, "%v claims to speak for a member of %.100q, which is not on its certificate", c, p.GetAddress())
}

// CheckAnswer verifies that a peer answers only for itself: the address in its answer must be on
// its certificate. p is the peer's end of the connection.
func (g *Guard) CheckAnswer(p *peer.Peer, method string, answer any) error {
	if g.host.mode != certificates {
		return nil
	}
	c := g.host.callerOf(p)
	a, ok := answer.(interface{ GetReply() *nodepb.Reply })
	if !ok || c.leaf == nil {
		return nil // the handshake has failed, or the answer makes no such statement
	}
	members := []*nodepb.Peer{a.GetReply().GetSelf(), nil}
	if s, ok := answer.(*nodepb.SurveyResponse); ok {
		members[1] = s.GetOwnership().GetOwner()
	}
	for _, m := range members {
		if m == nil {
			continue
		}
		if err := c.names(m); err != nil {
			g.refuse(Identity, c, method, err)
			return err
		}
	}
	return nil
}
