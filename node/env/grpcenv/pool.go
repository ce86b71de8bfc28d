package grpcenv

import (
	"container/list"
	"context"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/keepalive"

	"chordconductor/node/env/exchange"
	"chordconductor/node/nodepb"
)

const (
	// idleTimeout is how long a connection without streams stays open; the next call opens it again. The streams of hosts'
	// calls are closed two minutes after the last call.
	idleTimeout = 2 * time.Minute
	// A connection that is dead without a refusal (a pulled cable) is detected after both times
	// together.
	keepaliveAfter   = 20 * time.Second
	keepaliveTimeout = 5 * time.Second
	// noStreamsFor is how long a host without streams receives unary calls before streams are tried
	// again: the next host at its address may have them.
	noStreamsFor = time.Minute
	// A host has a connection to each of some hundred others, so buffers are small, and shared
	// while nothing is written.
	bufferSize = 8 << 10
)

// pool has one client connection per address. Its bound is Options.MaxConnections.
type pool struct {
	max     int
	check   exchange.Check
	options []grpc.DialOption

	mu     sync.Mutex
	closed bool
	conns  map[string]*list.Element // of *conn
	recent list.List                // most recently used first
}

// conn is a connection and the number of calls that use it; mu of the pool guards it.
type conn struct {
	*grpc.ClientConn
	addr    string
	streams *exchange.Caller
	lacking atomic.Int64 // time until which the host counts as one without streams, Unix nanoseconds
	calls   int
	evicted bool // no longer in the pool; closed when calls falls to 0
}

// hasStreams reports whether calls go over streams.
func (c *conn) hasStreams() bool { return time.Now().UnixNano() >= c.lacking.Load() }

// lacksStreams notes that the host has no streams.
func (c *conn) lacksStreams() { c.lacking.Store(time.Now().Add(noStreamsFor).UnixNano()) }

// close ends the calls on the connection, and closes it.
func (c *conn) close() {
	c.streams.Close()
	c.Close()
}

func (p *pool) init(o Options, check exchange.Check) {
	p.max, p.check = o.MaxConnections, check
	p.conns = make(map[string]*list.Element)
	p.options = []grpc.DialOption{
		grpc.WithTransportCredentials(o.Access.PeerCredentials()),
		grpc.WithIdleTimeout(idleTimeout),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: keepaliveAfter, Timeout: keepaliveTimeout}),
		// The longest pause between two tries to connect is short, since a restarted peer must be
		// reached again soon.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 2, Jitter: 0.2, MaxDelay: time.Second},
			MinConnectTimeout: 2 * time.Second,
		}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(exchange.MaxFrame)),
		grpc.WithReadBufferSize(bufferSize), grpc.WithWriteBufferSize(bufferSize),
		grpc.WithDisableServiceConfig(), grpc.WithDisableRetry(), // the member chooses the next peer to try
		grpc.WithNoProxy(),
	}
}

// get lends the connection to an address; put takes it back. If the pool is closed, get returns nil
// without an error.
func (p *pool) get(addr string) (*conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, nil
	}
	if at, ok := p.conns[addr]; ok {
		p.recent.MoveToFront(at)
		c := at.Value.(*conn)
		c.calls++
		return c, nil
	}
	cc, err := grpc.NewClient("passthrough:///"+addr, p.options...)
	if err != nil {
		return nil, err
	}
	exchanges := nodepb.NewExchangeClient(cc)
	open := func(ctx context.Context) (exchange.Stream, error) { return exchanges.Calls(ctx) }
	c := &conn{ClientConn: cc, addr: addr, calls: 1, streams: exchange.NewCaller(open, p.check)}
	p.conns[addr] = p.recent.PushFront(c)
	if p.recent.Len() > p.max {
		p.evict(p.recent.Back())
	}
	return c, nil
}

func (p *pool) evict(at *list.Element) {
	c := at.Value.(*conn)
	p.recent.Remove(at)
	delete(p.conns, c.addr)
	c.evicted = true
	if c.calls == 0 {
		c.close()
	}
}

func (p *pool) put(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.calls--
	if c.evicted && c.calls == 0 {
		c.close()
	}
}

// Connections returns the number of open client connections.
func (e *Env) Connections() int {
	e.pool.mu.Lock()
	defer e.pool.mu.Unlock()
	return e.pool.recent.Len()
}

// close closes all connections, which ends the calls on them.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for at := p.recent.Front(); at != nil; at = at.Next() {
		at.Value.(*conn).close()
	}
}
