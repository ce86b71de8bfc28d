package exchange

import (
	"context"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"chordconductor/node/nodepb"
)

const (
	queueSmall = 256 // bound of the requests that wait for the first stream
	queueLarge = 8   // the same bound for the second stream
)

// A session consists of the streams to a host and of the calls on them. It lasts from the opening
// of the first stream until a stream breaks.
type session struct {
	c      *Caller
	id     uint64
	ctx    context.Context // context of the streams
	cancel context.CancelFunc
	small  *outgoing

	mu      sync.Mutex
	large   *outgoing                // nil until it is needed
	streams int                      // number of streams that have not ended
	last    uint64                   // number of the latest call
	used    time.Time                // when the latest call began
	waiting map[uint64]chan received // calls that wait for an answer, by number; nil when the session has ended
	opened  bool                     // a stream was opened, so there was a connection
	proven  bool                     // the peer has accepted a stream, so a host is there
	err     error                    // the error of the session's calls once it has ended; set before ctx ends
}

// received is an answer together with the peer that sent it.
type received struct {
	answer *nodepb.Answer
	from   *peer.Peer
}

// outgoing contains what waits to be sent on a stream.
type outgoing struct {
	requests chan *nodepb.Request

	mu      sync.Mutex
	ended   []uint64      // numbers of calls given up after they were sent; at most as many as calls that the other end serves and this end queues
	givenUp chan struct{} // holds one element while ended is not empty
}

func newSession(c *Caller) *session {
	ctx, cancel := context.WithCancel(context.Background())
	s := &session{c: c, id: rand.Uint64(), ctx: ctx, cancel: cancel, waiting: map[uint64]chan received{}}
	s.small = s.stream(queueSmall, false)
	return s
}

// stream opens a stream with a queue of the given length. Either mu is held, or no other goroutine
// has the session yet.
func (s *session) stream(length int, large bool) *outgoing {
	s.streams++
	out := &outgoing{requests: make(chan *nodepb.Request, length), givenUp: make(chan struct{}, 1)}
	go func() {
		stream, err := s.c.open(s.ctx)
		if status.Code(err) == codes.Unavailable && !refused(err) {
			select { // the connection broke while it was being established
			case <-time.After(reopenAfter):
			case <-s.ctx.Done():
			}
			stream, err = s.c.open(s.ctx)
		}
		if err != nil {
			s.end(err)
			return
		}
		s.mu.Lock()
		s.opened = true
		s.mu.Unlock()
		go s.receive(stream)
		s.send(stream, out, &nodepb.Opening{Version: Version, Session: s.id, Large: large})
	}()
	return out
}

// reopenAfter is somewhat longer than gRPC's first pause between two connections (node/env/grpcenv).
const reopenAfter = 70 * time.Millisecond

// refused reports whether there is no host to connect to, or no common credentials, so that another
// attempt to connect would fail in the same way. gRPC has this reason only as text.
func refused(err error) bool {
	return strings.Contains(err.Error(), "Error while dialing") || strings.Contains(err.Error(), "authentication handshake failed")
}

// drained notes that the peer, which is ending, has sent all its answers on one stream. No further
// call begins in the session; calls on the other stream may still be answered.
func (s *session) drained() {
	s.c.drop(s)
	s.mu.Lock()
	s.streams--
	last := s.streams == 0
	s.mu.Unlock()
	if last {
		s.end(io.EOF)
	}
}

// end ends the session. Only the first call of end has an effect: its err decides the error of the
// session's calls.
func (s *session) end(err error) {
	s.c.drop(s)
	s.mu.Lock()
	if s.waiting != nil {
		s.err, s.waiting = s.reason(err), nil
	}
	s.mu.Unlock()
	s.cancel()
}

// reason returns the error that calls on a stream return when the stream ends with err. mu is held.
func (s *session) reason(err error) error {
	switch code := status.Code(err); {
	case err == errClosed:
		return err
	case code == codes.Unimplemented, code == codes.FailedPrecondition:
		return ErrNoStreams
	case code == codes.Unauthenticated, code == codes.PermissionDenied:
		return err
	case s.opened:
		return ErrBroken
	}
	return err // there is no connection
}

// call makes one call in this session, until limit. sent reports whether the peer may have received
// the call.
func (s *session) call(ctx context.Context, limit <-chan time.Time, q *nodepb.Request) (got received, sent bool, err error) {
	answered := make(chan received, 1)
	s.mu.Lock()
	if s.waiting == nil {
		defer s.mu.Unlock()
		return received{}, false, s.err
	}
	s.last++
	s.used = time.Now()
	q.Number = s.last
	s.waiting[q.Number] = answered
	isLarge := len(q.Message) > largeMessage
	if s.large == nil && (isLarge || largeAnswers(q.Method)) {
		s.large = s.stream(queueLarge, true)
	}
	out := s.small
	if isLarge {
		out = s.large
	}
	s.mu.Unlock()
	defer s.forget(q.Number)
	select {
	case out.requests <- q:
	case <-ctx.Done():
		return received{}, false, ctx.Err()
	case <-limit:
		return received{}, false, context.DeadlineExceeded
	case <-s.ctx.Done():
		return received{}, false, s.ended()
	}
	select {
	case got := <-answered:
		return got, true, nil
	case <-ctx.Done():
		out.giveUp(q.Number)
		return received{}, true, ctx.Err()
	case <-limit:
		out.giveUp(q.Number)
		return received{}, true, context.DeadlineExceeded
	case <-s.ctx.Done():
		select {
		case got := <-answered: // the answer arrived before the stream broke
			return got, true, nil
		default:
			return received{}, true, s.ended()
		}
	}
}

// giveUp informs the other end that the caller no longer waits for a call.
func (o *outgoing) giveUp(number uint64) {
	o.mu.Lock()
	o.ended = append(o.ended, number)
	o.mu.Unlock()
	select {
	case o.givenUp <- struct{}{}:
	default:
	}
}

func (o *outgoing) takeEnded() []uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	ended := o.ended
	o.ended = nil
	return ended
}

func (s *session) forget(number uint64) {
	s.mu.Lock()
	delete(s.waiting, number)
	s.mu.Unlock()
}

// isProven reports whether the peer has accepted a stream of the session.
func (s *session) isProven() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.proven
}

func (s *session) ended() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// send sends what waits, always all of it in one message, until the session ends.
func (s *session) send(stream Stream, out *outgoing, opening *nodepb.Opening) {
	idle := time.NewTimer(idleTime)
	defer idle.Stop()
	for batch := (&nodepb.CallsRequest{Opening: opening}); ; batch = out.next(s, idle) {
		if batch == nil || stream.Send(batch) != nil {
			return // the session has ended, or receive returns the reason
		}
	}
}

// next waits for requests or for calls that were given up, and returns all of them. It ends a
// session that is idle. It returns nil when the session has ended.
func (o *outgoing) next(s *session, idle *time.Timer) *nodepb.CallsRequest {
	batch, size := &nodepb.CallsRequest{}, 0
	for waiting := true; waiting; {
		select {
		case q := <-o.requests:
			batch.Requests = append(batch.Requests, q)
			size, waiting = requestSize(q), false
		case <-o.givenUp:
			waiting = false
		case <-idle.C:
			left := s.idle()
			if left <= 0 {
				s.end(errIdle)
				return nil
			}
			idle.Reset(left)
		case <-s.ctx.Done():
			return nil
		}
	}
	batch.Requests = fill(o.requests, batch.Requests, size, requestSize)
	batch.Ended = o.takeEnded()
	s.mu.Lock()
	defer s.mu.Unlock()
	batch.Requests = slices.DeleteFunc(batch.Requests, func(q *nodepb.Request) bool { return s.waiting[q.Number] == nil }) // these calls were given up
	return batch
}

// fill appends to a batch of the given size what waits in a queue, until the batch exceeds
// largeMessage bytes.
func fill[T any](queue <-chan T, batch []T, size int, sizeOf func(T) int) []T {
	if len(queue) == 0 {
		runtime.Gosched() // lets goroutines that are ready queue their calls: one write for many calls costs as much as one for a single call
	}
	for size < largeMessage {
		select {
		case one := <-queue:
			batch = append(batch, one)
			size += sizeOf(one)
		default:
			return batch
		}
	}
	return batch
}

// requestSize returns at least the size of a request in a batch, in bytes.
func requestSize(q *nodepb.Request) int { return len(q.Message) + sizeOf(q.Header) + 64 }

// idle returns the time after which the session will be idle: no call waits, and none has begun for
// idleTime.
func (s *session) idle() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) > 0 {
		return idleTime
	}
	return idleTime - time.Since(s.used)
}

// receive delivers answers until the stream breaks, which ends the session.
func (s *session) receive(stream Stream) {
	from, _ := peer.FromContext(stream.Context())
	if header, err := stream.Header(); err == nil && len(header.Get(acceptedKey)) > 0 {
		s.mu.Lock()
		s.proven = true
		s.mu.Unlock()
	}
	for {
		m, err := stream.Recv()
		if err == io.EOF {
			s.drained()
			return
		}
		if err != nil {
			s.end(err)
			return
		}
		s.mu.Lock()
		for _, a := range m.GetAnswers() {
			if answered := s.waiting[a.GetNumber()]; answered != nil {
				delete(s.waiting, a.GetNumber())
				answered <- received{a, from} // never blocks: the channel has room for one
			}
		}
		s.mu.Unlock()
	}
}
