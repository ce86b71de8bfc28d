package exchange

import (
	"context"
	"sync"

	"chordconductor/node/nodepb"
)

const (
	servedSmall = 1024 // bound of the calls of the first stream that are served at the same time
	servedLarge = 16   // the same bound for the second stream
	maxSessions = 8    // bound of the sessions of one connection: a caller has one session, and begins the next while one ends
)

// served is a session at the end that serves the calls.
type served struct {
	ctx    context.Context
	cancel context.CancelFunc
	last   chan struct{} // closed when no answer will follow

	mu           sync.Mutex
	small, large *incoming                     // nil until the caller opens it
	streams      int                           // number of streams that have not ended
	calls        map[uint64]context.CancelFunc // calls being served, by number
	serving      int                           // number of calls whose answers are not queued yet
	draining     bool                          // no further call begins
}

// incoming is a stream at the end that serves the calls.
type incoming struct {
	session *served
	large   bool
	slots   chan struct{} // holds an element for each call being served
	answers chan *nodepb.Answer
}

func newServed() *served {
	c := &served{last: make(chan struct{}), calls: map[uint64]context.CancelFunc{}}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// add adds the session's stream for small or for large calls. It returns nil if the session already
// has that stream.
func (c *served) add(large bool) *incoming {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, slots, answers := &c.small, servedSmall, queueSmall
	if large {
		at, slots, answers = &c.large, servedLarge, queueLarge
	}
	if *at != nil {
		return nil
	}
	*at = &incoming{c, large, make(chan struct{}, slots), make(chan *nodepb.Answer, answers)}
	c.streams++
	return *at
}

// remove removes a stream that ends from the count, and reports whether it was the last one.
func (c *served) remove() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.streams--
	return c.streams == 0
}

// begin registers a call that will be served. It returns false if no further call may begin, or if
// the number is in use.
func (c *served) begin(number uint64, cancel context.CancelFunc) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, taken := c.calls[number]; taken || c.draining {
		return false
	}
	c.calls[number] = cancel
	c.serving++
	return true
}

// cancelCall ends the context of a call.
func (c *served) cancelCall(number uint64) {
	c.mu.Lock()
	cancel := c.calls[number]
	delete(c.calls, number)
	c.mu.Unlock()
	if cancel != nil {
		cancel()
	}
}

// reply queues an answer on the stream for its size.
func (c *served) reply(a *nodepb.Answer) {
	c.mu.Lock()
	to := c.small
	if c.large != nil && (to == nil || len(a.Message) > largeMessage) {
		to = c.large
	}
	c.mu.Unlock()
	select {
	case to.answers <- a:
	case <-c.ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.serving--
	c.finish()
}

// drain stops further calls from beginning. When all calls being served have been answered, the
// session's streams end.
func (c *served) drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.draining {
		c.draining = true
		c.finish()
	}
}

// finish closes last if no further answer will follow. mu is held.
func (c *served) finish() {
	if c.draining && c.serving == 0 {
		close(c.last)
	}
}

// write sends answers, all that wait in one message, until the session ends or has sent its last
// answer.
func (in *incoming) write(stream nodepb.Exchange_CallsServer) {
	for {
		m := &nodepb.CallsResponse{}
		size := 0
		select {
		case a := <-in.answers:
			m.Answers = append(m.Answers, a)
			size = answerSize(a)
		case <-in.session.ctx.Done():
			return
		case <-in.session.last:
			if len(in.answers) == 0 {
				return
			}
		}
		m.Answers = fill(in.answers, m.Answers, size, answerSize)
		if len(m.Answers) > 0 && stream.Send(m) != nil {
			return // read returns the error of the stream
		}
	}
}

// answerSize returns at least the size of an answer in a batch, in bytes.
func answerSize(a *nodepb.Answer) int { return len(a.Message) + len(a.Error) + 64 }
