package remote

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"chordconductor/conductor/lab/deploy"
	"chordconductor/node/env/access"
	"chordconductor/node/hostauth"
	"chordconductor/node/nodepb"
)

const (
	proofLimit = 3 * time.Second // on a host's answer to a challenge
	proofRetry = 2 * time.Second // the shortest time between two challenges of a host that has failed one
	// sessionLife is well below the time for which the host grants a session, since that time began before the host's
	// answer to the challenge arrived.
	sessionLife = hostauth.NonceTTL / 2
	maxIdle     = 16 // sessions of a host that wait for a command; further ones are dropped

	// An unproven host may be any program at an address that telemetry names. So its answer is bounded before it is
	// read, and truncated where an error quotes it.
	maxHeaders = 16 << 10
	maxProof   = 4 << 10
	maxQuoted  = 300
)

// A hostConn is one network connection to a host. The host's proof that it holds the token is valid for this connection
// only. When the connection is lost, gRPC must not open another one for the same hostConn: a new hostConn replaces it,
// and the host must give its proof again.
type hostConn struct {
	address string
	cc      *grpc.ClientConn
	dialled atomic.Bool // there is, or was, a network connection
	lost    atomic.Bool // the network connection has ended

	challenging chan struct{} // capacity 1: held while the host is challenged, so that one challenge serves all waiting callers

	mu       sync.Mutex
	proven   bool      // guarded by mu
	failure  error     // guarded by mu: the error of the last challenge; nil if it succeeded
	failedAt time.Time // guarded by mu
	idle     []session // guarded by mu
}

// A session is a session with a host, and the time at which the session began.
type session struct {
	*hostauth.Session
	began time.Time
}

var errLost = errors.New("the connection to the host broke; the host must prove again that it has the control token")

func (r *Fleet) newConn(address string) (*hostConn, error) {
	c := &hostConn{address: address, challenging: make(chan struct{}, 1)}
	dial := func(ctx context.Context, address string) (net.Conn, error) {
		if c.dialled.Load() {
			return nil, errLost
		}
		nc, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err != nil {
			return nil, err
		}
		if c.dialled.Swap(true) {
			nc.Close()
			return nil, errLost
		}
		return &watchedConn{Conn: nc, closed: &c.lost}, nil
	}
	var err error
	c.cc, err = grpc.NewClient("passthrough:///"+address, append(r.way.DialOptions(), grpc.WithContextDialer(dial),
		grpc.WithDisableServiceConfig(), grpc.WithDisableRetry(), grpc.WithMaxHeaderListSize(maxHeaders),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)))...)
	if err != nil {
		return nil, deploy.Refuse(deploy.ErrUnavailable, "host %s: %v", address, err)
	}
	return c, nil
}

func (c *hostConn) close() { _ = c.cc.Close() } // fails only if the connection is already closed

// A watchedConn records the end of its connection.
type watchedConn struct {
	net.Conn
	closed *atomic.Bool
}

func (w *watchedConn) Close() error {
	w.closed.Store(true)
	return w.Conn.Close()
}

// conn returns the connection to a host of the view, which need not be proven.
func (r *Fleet) conn(address string) (*hostConn, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, deploy.Refuse(deploy.ErrUnavailable, "the conductor is stopping")
	}
	if !r.faulty[address] && !slices.ContainsFunc(r.refresh(), func(h deploy.Host) bool { return h.Address == address }) {
		return nil, deploy.Refuse(deploy.ErrUnknown, "no host at %s", address)
	}
	if c := r.conns[address]; c != nil {
		if !c.lost.Load() {
			return c, nil
		}
		c.close()
		delete(r.conns, address)
	}
	c, err := r.newConn(address)
	if err != nil {
		return nil, err
	}
	r.conns[address] = c
	return c, nil
}

// trusted reports whether a host needs no proof. Without a token that holds for hosts on loopback, where only processes
// of this machine listen.
func (r *Fleet) trusted(address string) bool { return r.token == "" && access.OnLoopback(address) }

// proven returns a connection to a host on which the host has proven that it holds the token.
func (r *Fleet) proven(ctx context.Context, address string) (*grpc.ClientConn, error) {
	c, err := r.conn(address)
	if err != nil {
		return nil, err
	}
	if r.trusted(address) {
		return c.cc, nil
	}
	c.mu.Lock()
	proven := c.proven
	c.mu.Unlock()
	if !proven {
		s, err := r.session(ctx, c)
		if err != nil {
			return nil, err
		}
		c.put(s)
	}
	return c.cc, nil
}

// session takes an idle session of a host, or begins one.
func (r *Fleet) session(ctx context.Context, c *hostConn) (session, error) {
	if r.token == "" {
		return session{}, deploy.Refuse(deploy.ErrUnavailable, "host %s is not on loopback and cannot prove itself without a token: start the conductor with --token, and the host with the same --control-token", c.address)
	}
	select {
	case c.challenging <- struct{}{}:
		defer func() { <-c.challenging }()
	case <-ctx.Done():
		return session{}, explain(c.address, status.FromContextError(ctx.Err()).Err())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for n := len(c.idle); n > 0; n = len(c.idle) {
		s := c.idle[n-1]
		c.idle = c.idle[:n-1]
		if time.Since(s.began) < sessionLife {
			return s, nil
		}
	}
	if c.failure != nil && time.Since(c.failedAt) < proofRetry {
		return session{}, c.failure
	}
	c.mu.Unlock()
	s, err := r.challenge(ctx, c)
	if err == nil || ctx.Err() == nil {
		r.noteProof(c.address, err == nil)
	}
	c.mu.Lock()
	if err == nil {
		c.proven = true
	}
	if c.failure = err; err != nil && ctx.Err() != nil {
		c.failure = nil // the caller gave up: that is no failure of the host
	}
	c.failedAt = time.Now()
	return s, err
}

// put returns a session for use by the next command.
func (c *hostConn) put(s session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.idle) < maxIdle {
		c.idle = append(c.idle, s)
	}
}

// challenge makes a host prove that it holds the token. A host that does not hold it cannot use what is sent for the
// challenge.
func (r *Fleet) challenge(ctx context.Context, c *hostConn) (session, error) {
	ctx, cancel := context.WithTimeout(ctx, proofLimit)
	defer cancel()
	nonce := make([]byte, hostauth.NonceBytes)
	rand.Read(nonce) // never fails
	began := time.Now()
	answer, err := nodepb.NewHostClient(c.cc).Challenge(ctx, &nodepb.ChallengeRequest{Nonce: nonce, Address: c.address}, grpc.MaxCallRecvMsgSize(maxProof))
	switch st := status.Convert(err); st.Code() {
	case codes.OK:
	case codes.Unimplemented:
		return session{}, deploy.Refuse(deploy.ErrUnavailable, "host %s is of an older version, which takes the token in the clear, so nothing was sent to it: update the host", c.address)
	case codes.FailedPrecondition:
		return session{}, deploy.Refuse(deploy.ErrUnavailable, "host %s did not prove itself: %.*s", c.address, maxQuoted, st.Message())
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled:
		return session{}, explain(c.address, status.Errorf(st.Code(), "%.*s", maxQuoted, st.Message()))
	default:
		return session{}, deploy.Refuse(deploy.ErrUnavailable, "host %s did not prove that it holds the conductor's token: %.*s", c.address, maxQuoted, st.Message())
	}
	s, err := r.key.Prove(nonce, c.address, answer.GetNonce(), answer.GetInstance(), answer.GetMac())
	if err != nil {
		return session{}, deploy.Refuse(deploy.ErrUnavailable, "host %s did not prove that it holds the conductor's token, so nothing was sent to it: its --control-token must be the conductor's --token", c.address)
	}
	return session{s, began}, nil
}

// command has a host carry out a call of chord.v1.Host, signed if there is a token. A signed command is sent only once:
// a host that carried it out and then denies it cannot be distinguished from one that did not.
func (r *Fleet) command(ctx context.Context, address, method string, request, response proto.Message) error {
	c, err := r.conn(address)
	if err != nil {
		return err
	}
	if r.trusted(address) {
		return explain(address, unsure(c.cc.Invoke(ctx, method, request, response)))
	}
	s, err := r.session(ctx, c)
	if err != nil {
		return err
	}
	data, err := proto.Marshal(request)
	if err != nil {
		return err
	}
	q := &nodepb.CommandRequest{Method: method, Request: data}
	q.Nonce, q.Counter, q.Mac = s.Sign(method, data)
	answer, err := nodepb.NewHostClient(c.cc).Command(ctx, q)
	if status.Code(err) == codes.Unauthenticated {
		c.forget() // the next command begins a session
	} else {
		c.put(s)
	}
	if err != nil {
		return explain(address, unsure(err))
	}
	return explain(address, proto.Unmarshal(answer.GetResponse(), response))
}

// unsure adds to the error of a command that was sent and not answered that the host may have carried out the command.
func unsure(err error) error {
	switch st := status.Convert(err); st.Code() {
	case codes.DeadlineExceeded, codes.Canceled:
		return status.Errorf(st.Code(), "%s; whether the command was carried out is not known", st.Message())
	}
	return err
}

// forget drops all sessions, since the host does not accept them any more.
func (c *hostConn) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idle = nil
}
