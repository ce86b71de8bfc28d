package connlimit

import (
	"container/list"
	"io"
	"net"
	"sync/atomic"
)

// A Conn is a connection with its slot.
type Conn struct {
	net.Conn
	limiter *Limiter
	spare   bool

	at      *list.Element // guarded by limiter.mu; in waiting, or in spare; nil: at work, or closed
	work    int           // guarded by limiter.mu; requests being served whose bodies have arrived
	writing int           // guarded by limiter.mu; calls of Write in progress
	closed  bool          // guarded by limiter.mu

	// Held is the number of bytes of the request bodies that are being received on this connection; conductor/ingest
	// maintains it.
	Held atomic.Int64
}

// Close closes the connection and releases its slot.
func (c *Conn) Close() error {
	c.limiter.mu.Lock()
	c.limiter.leave(c)
	c.limiter.mu.Unlock()
	return c.Conn.Close()
}

// Read waits for data from the peer. A connection that has just received data is the last to be evicted.
func (c *Conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.limiter.mu.Lock()
		if c.at != nil && !c.spare {
			c.limiter.waiting.MoveToBack(c.at)
		}
		c.limiter.mu.Unlock()
	}
	return n, err
}

// Write waits for the peer to receive what is sent.
func (c *Conn) Write(p []byte) (int, error) {
	c.change(0, 1)
	defer c.change(0, -1)
	return c.Conn.Write(p)
}

// change updates the numbers of requests and writes in progress, and moves the connection to the list that they imply.
func (c *Conn) change(work, writing int) {
	c.limiter.mu.Lock()
	defer c.limiter.mu.Unlock()
	c.work += work
	c.writing += writing
	waits := c.work == 0 || c.writing > 0
	switch {
	case c.closed || c.spare:
	case waits && c.at == nil:
		c.at = c.limiter.waiting.PushBack(c)
	case !waits && c.at != nil:
		c.limiter.waiting.Remove(c.at)
		c.at = nil
	}
}

// A body is the body of a request. From the end of the body until the request has been served, the connection counts as
// working and not as waiting for its client.
type body struct {
	io.ReadCloser
	conn  *Conn
	state atomic.Int32
}

const (
	coming int32 = iota
	came
	over
)

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.ends()
	}
	return n, err
}

func (b *body) ends() {
	if b.state.CompareAndSwap(coming, came) {
		b.conn.change(1, 0)
	}
}

// served ends the request's work; it must be called once.
func (b *body) served() {
	if b.state.Swap(over) == came {
		b.conn.change(-1, 0)
	}
}
