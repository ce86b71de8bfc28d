package connlimit

import (
	"container/list"
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
)

// spares is how many connections are taken beyond the limit, for questions of health.
const spares = 32

// A Limiter is the connections of one server. Use Listen, ConnContext and Handler of it together.
type Limiter struct {
	most int

	mu      sync.Mutex
	idle    list.List // guarded by mu; *Conn, the one idle longest first; ordinary connections
	spare   list.List // guarded by mu; *Conn, oldest first: at most spares
	open    int       // guarded by mu; ordinary connections
	evicted atomic.Uint64
}

// New returns a limiter of so many connections.
func New(most int) *Limiter { return &Limiter{most: most} }

// A Conn is a connection with its place.
type Conn struct {
	net.Conn
	limiter *Limiter
	spare   bool

	at     *list.Element // guarded by limiter.mu; in idle, or in spare; nil: busy, or closed
	busy   int           // guarded by limiter.mu; requests being served
	closed bool          // guarded by limiter.mu

	// Held is the bytes of request bodies that are being received on this connection; conductor/ingest keeps it.
	Held atomic.Int64
}

// Listen limits the connections that l accepts.
func (l *Limiter) Listen(inner net.Listener) net.Listener { return &listener{inner, l} }

type listener struct {
	net.Listener
	limiter *Limiter
}

// Accept takes a connection, and makes room for it.
func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.limiter.admit(c), nil
}

func (l *Limiter) admit(inner net.Conn) *Conn {
	c := &Conn{Conn: inner, limiter: l}
	var gives *Conn
	l.mu.Lock()
	switch {
	case l.open < l.most:
	case l.idle.Len() > 0:
		gives = l.idle.Front().Value.(*Conn)
	default:
		c.spare = true
		if l.spare.Len() == spares {
			gives = l.spare.Front().Value.(*Conn)
		}
	}
	if gives != nil {
		l.leave(gives)
	}
	if c.spare {
		c.at = l.spare.PushBack(c)
	} else {
		l.open++
		c.at = l.idle.PushBack(c)
	}
	l.mu.Unlock()
	if gives != nil {
		l.evicted.Add(1)
		_ = gives.Conn.Close() // its server finds out by itself
	}
	return c
}

// leave gives a connection's place up. l.mu is held.
func (l *Limiter) leave(c *Conn) {
	if c.closed {
		return
	}
	c.closed = true
	switch {
	case c.spare:
		l.spare.Remove(c.at)
	default:
		l.open--
		if c.at != nil {
			l.idle.Remove(c.at)
		}
	}
	c.at = nil
}

// Close closes the connection and gives its place up.
func (c *Conn) Close() error {
	c.limiter.mu.Lock()
	c.limiter.leave(c)
	c.limiter.mu.Unlock()
	return c.Conn.Close()
}

// Evicted is how many connections were closed for others.
func (l *Limiter) Evicted() uint64 { return l.evicted.Load() }

type connKey struct{}

// ConnContext is for http.Server. TLS may stand between.
func (l *Limiter) ConnContext(ctx context.Context, c net.Conn) context.Context {
	if outer, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = outer.NetConn()
	}
	if own, ok := c.(*Conn); ok {
		return context.WithValue(ctx, connKey{}, own)
	}
	return ctx
}

// Of is the connection that a request came on; nil if no limiter has it.
func Of(ctx context.Context) *Conn {
	c, _ := ctx.Value(connKey{}).(*Conn)
	return c
}

// Handler serves requests: those for health on any connection, others on ordinary ones. On a spare one, full answers.
func (l *Limiter) Handler(next, full http.Handler, health func(*http.Request) bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := Of(r.Context())
		switch {
		case c == nil:
		case c.spare:
			w.Header().Set("Connection", "close")
			if !health(r) {
				full.ServeHTTP(w, r)
				return
			}
		default:
			c.begin()
			defer c.end()
		}
		next.ServeHTTP(w, r)
	})
}

func (c *Conn) begin() {
	c.limiter.mu.Lock()
	defer c.limiter.mu.Unlock()
	if c.busy++; c.at != nil {
		c.limiter.idle.Remove(c.at)
		c.at = nil
	}
}

func (c *Conn) end() {
	c.limiter.mu.Lock()
	defer c.limiter.mu.Unlock()
	if c.busy--; c.busy == 0 && !c.closed {
		c.at = c.limiter.idle.PushBack(c)
	}
}
