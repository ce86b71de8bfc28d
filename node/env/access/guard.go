package access

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"net"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"

	"chordconductor/node/nodepb"
)

// A requirement is the credential that a service requires of its callers, in the modes with TLS.
type requirement int

const (
	peersOnly    requirement = iota // a member of the ring, which has its own certificate or the ring's key
	clients                         // a peer, a client certificate, or the client token
	certified                       // a peer or a client certificate
	commands                        // the service verifies each command itself; with mutual TLS the caller needs a certificate, too
	unrestricted                    // any caller that has completed the TLS handshake
)

// requirements has the requirement of each service on a host's port. A service that is not listed
// is only for peers.
var requirements = map[string]requirement{
	nodepb.Ring_ServiceDesc.ServiceName:           peersOnly,
	nodepb.Keys_ServiceDesc.ServiceName:           peersOnly,
	nodepb.Exchange_ServiceDesc.ServiceName:       peersOnly,
	nodepb.KV_ServiceDesc.ServiceName:             clients,
	nodepb.Host_ServiceDesc.ServiceName:           commands,
	grpc_health_v1.Health_ServiceDesc.ServiceName: unrestricted,
	"grpc.reflection.v1.ServerReflection":         certified,
	"grpc.reflection.v1alpha.ServerReflection":    certified,
}

// A Reason is why a caller or a peer was refused.
type Reason string

const (
	Credentials Reason = "credentials" // a call without the credentials that the service requires
	Identity    Reason = "identity"    // a statement in the name of a member that is not on the speaker's host
	Implausible Reason = "implausible" // a number too far above the known ones
	Handshake   Reason = "handshake"   // a connection to a peer that did not authenticate itself, or that refused this host
)

// A Refusal is a call, an answer or a connection that was refused for the credentials of the other end.
type Refusal struct {
	Reason  Reason
	Speaker string // address of the other end, without a caller's port, which differs for each connection
	Method  string // gRPC's full name
	Text    string // one line that names the other end
}

// A Guard checks the credentials of calls.
type Guard struct {
	host    *Host
	refused func(*Refusal)
}

// NewGuard returns the guard of a host; h is nil in plain mode. refused, if not nil, is called with
// each refusal, from any goroutine; it must not block.
func NewGuard(h *Host, refused func(*Refusal)) *Guard {
	if h == nil {
		h = &Host{}
	}
	if refused == nil {
		refused = func(*Refusal) {}
	}
	return &Guard{h, refused}
}

// ServerOptions install the guard in front of all services of a server. It checks credentials when
// the headers of a call have arrived: no message of a refused caller is read, so it takes no
// memory. When a message has been read, the guard checks the statements in it that are made in a
// member's name.
func (g *Guard) ServerOptions() []grpc.ServerOption {
	if g.host.mode == plain {
		return nil
	}
	return []grpc.ServerOption{
		grpc.InTapHandle(func(ctx context.Context, call *tap.Info) (context.Context, error) {
			c := g.host.callerIn(ctx)
			err := g.host.verdict(serviceOf(call.FullMethodName), c, call.Header)
			if err != nil {
				g.refuse(Credentials, c, call.FullMethodName, err)
			}
			return ctx, err
		}),
		grpc.ChainUnaryInterceptor(func(ctx context.Context, request any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			if err := g.CheckRequest(ctx, info.FullMethod, request); err != nil {
				return nil, err
			}
			return next(ctx, request)
		}),
	}
}

// CheckRequest verifies that a caller makes statements only in the names of its own members. With a
// ring secret all hosts have the same key, and trust each other. ctx is the context of the call, or
// of the stream on which it arrived. For unary calls the server options do this.
func (g *Guard) CheckRequest(ctx context.Context, method string, request any) error {
	if g.host.mode != certificates || requirements[serviceOf(method)] != peersOnly {
		return nil
	}
	c := g.host.callerIn(ctx)
	err := g.host.own(c, speaksFor(request))
	if err != nil {
		g.refuse(Identity, c, method, err)
	}
	return err
}

// serviceOf returns the service in gRPC's full name of a method, "/service/method".
func serviceOf(method string) string {
	service, _, _ := strings.Cut(strings.TrimPrefix(method, "/"), "/")
	return service
}

// A caller is what a connection proves about its other end.
type caller struct {
	address net.Addr
	leaf    *x509.Certificate // nil if there is none that is accepted
}

// callerIn returns the caller of the call with the given context.
func (h *Host) callerIn(ctx context.Context) caller {
	if p, ok := peer.FromContext(ctx); ok {
		return h.callerOf(p)
	}
	return caller{}
}

// callerOf reads the connection of a call. A certificate counts if its chain was verified, or if its key is the ring's.
func (h *Host) callerOf(p *peer.Peer) (c caller) {
	c.address = p.Addr
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok || len(info.State.PeerCertificates) == 0 {
		return c
	}
	leaf := info.State.PeerCertificates[0]
	if h.mode == certificates && len(info.State.VerifiedChains) > 0 || h.mode == ringSecret && pinned(h.pins, leaf) {
		c.leaf = leaf
	}
	return c
}

func (c caller) where() string {
	if c.address == nil {
		return "an unknown address"
	}
	return c.address.String()
}

func (c caller) String() string {
	if c.leaf == nil {
		return c.where()
	}
	return c.where() + " with a certificate for " + namesOf(c.leaf)
}

func (g *Guard) refuse(reason Reason, c caller, method string, err error) {
	speaker := c.where()
	if host, _, split := net.SplitHostPort(speaker); split == nil {
		speaker = host
	}
	text := status.Convert(err).Message()
	if reason == Credentials {
		text = c.String() + ": " + text
	}
	g.refused(&Refusal{Reason: reason, Speaker: speaker, Method: method, Text: text})
}

// Unverified records a call to a peer that failed in the TLS handshake, which gRPC reports only as
// text. The ring treats such a peer like one that does not answer.
func (g *Guard) Unverified(address, method string, err error) {
	if g.host.mode == plain {
		return
	}
	text := status.Convert(err).Message()
	_, why, found := strings.Cut(text, "authentication handshake failed: ")
	if !found { // with TLS 1.3 the other end can also refuse after the handshake
		_, why, found = strings.Cut(text, "remote error: ")
	}
	if found {
		why = strings.Trim(strings.Join(strings.Fields(why), " "), `"`)
		g.refused(&Refusal{Handshake, address, method, address + ": TLS handshake failed: " + why})
	}
}

// verdict returns nil if the caller may call the service.
func (h *Host) verdict(service string, c caller, header metadata.MD) error {
	switch requirements[service] {
	case unrestricted:
		return nil
	case commands:
		if h.mode == ringSecret || c.leaf != nil {
			return nil
		}
	case clients:
		if c.leaf != nil || h.hasToken && h.tokenIn(header) {
			return nil
		}
		if h.hasToken {
			return status.Error(codes.Unauthenticated, "clients present the client token (--client-token, CHORD_CLIENT_TOKEN) or a certificate: it is missing or wrong")
		}
	}
	if c.leaf != nil {
		return nil
	}
	if h.mode == ringSecret {
		return status.Errorf(codes.Unauthenticated, "%s is for hosts of the ring: the caller does not have the ring's key", service)
	}
	return status.Errorf(codes.Unauthenticated, "%s is for callers with a certificate that a CA of --tls-ca has signed: the caller has none", service)
}

// tokenIn reports whether a call's header has the client token.
func (h *Host) tokenIn(header metadata.MD) bool {
	found := 0
	for _, value := range header.Get("authorization") { // gRPC bounds the header list
		if token, ok := strings.CutPrefix(value, "Bearer "); ok {
			given := sha256.Sum256([]byte(token))
			found |= subtle.ConstantTimeCompare(given[:], h.token[:])
		}
	}
	return found == 1
}
