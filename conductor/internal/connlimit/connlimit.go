package connlimit

import (
	"container/list"
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
)

// spares is how many connections are accepted beyond the limit, for health checks only.
const spares = 32

// A Limiter bounds the connections of one server. The server must use its Listen, ConnContext and Handler together.
type Limiter struct {
	most int

	mu      sync.Mutex
	waiting list.List // guarded by mu; *Conn, ordinary ones that wait for their peers, the longest waiting first
	spare   list.List // guarded by mu; *Conn, oldest first: at most spares
	open    int       // guarded by mu; ordinary connections
	evicted atomic.Uint64
}

// New returns a Limiter of at most that many connections.
func New(most int) *Limiter { return &Limiter{most: most} }

// Listen limits the connections that l accepts.
func (l *Limiter) Listen(inner net.Listener) net.Listener { return &listener{inner, l} }

type listener struct {
	net.Listener
	limiter *Limiter
}

// Accept accepts a connection. At the limit it closes another connection for it.
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
	case l.waiting.Len() > 0:
		gives = l.waiting.Front().Value.(*Conn)
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
		c.at = l.waiting.PushBack(c)
	}
	l.mu.Unlock()
	if gives != nil {
		l.evicted.Add(1)
		_ = gives.Conn.Close() // the server notices the closed connection by itself
	}
	return c
}

// leave releases a connection's slot. The caller holds l.mu.
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
			l.waiting.Remove(c.at)
		}
	}
	c.at = nil
}

// Evicted returns the number of connections that were closed to accept others.
func (l *Limiter) Evicted() uint64 { return l.evicted.Load() }

type connKey struct{}

// ConnContext is for the field of that name of http.Server. It also works if TLS wraps the connection.
func (l *Limiter) ConnContext(ctx context.Context, c net.Conn) context.Context {
	if outer, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = outer.NetConn()
	}
	if own, ok := c.(*Conn); ok {
		return context.WithValue(ctx, connKey{}, own)
	}
	return ctx
}

// Of returns the connection on which the request of ctx arrived; nil if no Limiter accepted it.
func Of(ctx context.Context) *Conn {
	c, _ := ctx.Value(connKey{}).(*Conn)
	return c
}

// Handler serves health checks on any connection, and other requests on ordinary connections with next. On a spare
// connection full answers them.
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
			body := &body{ReadCloser: r.Body, conn: c}
			if r.Body == nil || r.Body == http.NoBody { //lang:ok a name of net/http
				body.ends()
			} else {
				r.Body = body
			}
			defer body.served()
		}
		next.ServeHTTP(w, r)
	})
}
