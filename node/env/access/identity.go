package access

import (
	"net"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"chordconductor/node/nodepb"
)

// statements are the members in whose names a message makes statements. What it contains about other members is not
// verified here: its receiver calls them.
type statements struct {
	from  *nodepb.Peer // required of a request
	owner *nodepb.Peer // nil: it makes no statement of ownership of its own
}

// speaksFor reads the statements of a request of the peer services.
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

// own verifies that the members that a message speaks for are on the certificate of the sending host.
func (h *Host) own(c caller, s statements) error {
	if err := c.names(s.from); err != nil || s.owner == nil {
		return err
	}
	return c.names(s.owner)
}

// names reports whether a member belongs to the host that the certificate is for. No member (nil) does not.
func (c caller) names(p *nodepb.Peer) error {
	if host, _, err := net.SplitHostPort(p.GetAddress()); err == nil && c.leaf.VerifyHostname(host) == nil {
		return nil
	}
	return status.Errorf(codes.PermissionDenied, "%v claims to speak for a member of %.100q, which is not on its certificate", c, p.GetAddress())
}

// CheckAnswer verifies that a peer answers for itself: the address in its answer must be on its certificate. p is its
// end of the connection.
func (g *Guard) CheckAnswer(p *peer.Peer, method string, answer any) error {
	if g.host.mode != certificates {
		return nil
	}
	c := g.host.callerOf(p)
	a, ok := answer.(interface{ GetReply() *nodepb.Reply })
	if !ok || c.leaf == nil {
		return nil // the handshake has failed, or there is no statement
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
