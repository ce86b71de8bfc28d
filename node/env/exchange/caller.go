package exchange

import (
	"context"
	"errors"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"chordconductor/node/nodepb"
)

// A Stream is the caller's end of a stream to another host.
type Stream = grpc.BidiStreamingClient[nodepb.CallsRequest, nodepb.CallsResponse]

// Open opens a stream, which ends with ctx. An error means that there is no connection.
type Open func(ctx context.Context) (Stream, error)

// Check returns nil if an answer was given by the host at the other end of its stream.
type Check func(from *peer.Peer, method string, answer any) error

var (
	// ErrNoStreams means that the peer serves only unary calls. The call has not been sent.
	ErrNoStreams = errors.New("the peer has no streams of calls")
	// ErrBroken means that the stream broke during a call that is not repeated. The peer may have
	// carried out the call.
	ErrBroken = status.Error(codes.Unavailable, "the stream broke during the call")
)

var (
	errClosed = status.Error(codes.Canceled, "the caller has ended")
	errIdle   = status.Error(codes.Canceled, "the stream had no calls")
)

// idleTime is how long streams stay open without a call.
const idleTime = 2 * time.Minute

// A Caller makes calls to one host. Its methods may be called from any goroutine.
type Caller struct {
	open  Open
	check Check

	timers sync.Pool // of *time.Timer, reused because each call needs a timer; a timer that was stopped or reset delivers no earlier expiry

	mu      sync.Mutex
	present *session // nil if there is none
	closed  bool
}

// NewCaller returns a Caller, which opens streams when there are calls. check may be nil.
func NewCaller(open Open, check Check) *Caller {
	c := &Caller{open: open, check: check}
	c.timers.New = func() any {
		t := time.NewTimer(time.Hour)
		t.Stop()
		return t
	}
	return c
}

// Close ends all calls and streams.
func (c *Caller) Close() {
	c.mu.Lock()
	c.closed = true
	s := c.present
	c.mu.Unlock()
	if s != nil {
		s.end(errClosed)
	}
}

// Call makes one call of a method, which is gRPC's full name. header alternates names and values.
// Call returns nil once answer contains the peer's answer; otherwise it returns ctx's error,
// context.DeadlineExceeded after limit, ErrNoStreams, ErrBroken, or the status of the connection or
// of the peer's answer.
func (c *Caller) Call(ctx context.Context, limit time.Duration, method string, request, answer proto.Message, header []string) error {
	number, ok := numbers[method]
	if !ok {
		return status.Errorf(codes.Unimplemented, "%s is not called over a stream", method)
	}
	message, err := proto.Marshal(request)
	if err != nil {
		return status.Errorf(codes.Internal, "cannot encode a request of %s: %v", method, err)
	}
	if len(message) > MaxMessage {
		return status.Errorf(codes.ResourceExhausted, "cannot send a request of %s of %d bytes, at most %d are allowed", method, len(message), MaxMessage)
	}
	if size := sizeOf(header); size > maxHeader {
		return status.Errorf(codes.ResourceExhausted, "cannot send a header of %d bytes with a request of %s, %d at most", size, method, maxHeader)
	}
	until := time.Now().Add(limit)
	if at, ok := ctx.Deadline(); ok && at.Before(until) {
		until = at // bounds the time that the peer takes; the call itself ends with ctx, and not with DeadlineExceeded, since the peer has not been silent for limit
	}
	timer := c.timers.Get().(*time.Timer)
	timer.Reset(limit)
	defer func() {
		timer.Stop()
		c.timers.Put(timer)
	}()
	unproven := false // a stream broke that no host had accepted: perhaps a proxy is there without a host behind it
	for pause := time.Duration(0); ; pause = min(max(2*pause, time.Millisecond), 100*time.Millisecond) {
		if pause > time.Millisecond { // the first repetition has no pause
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				return ctx.Err()
			case <-timer.C:
				return context.DeadlineExceeded
			}
		}
		s, err := c.session()
		if err != nil {
			return err
		}
		// Each try has a request of its own: the previous stream may still be sending the previous
		// request.
		q := &nodepb.Request{Method: number, Message: message, Header: header, LimitUs: uint64(max(time.Until(until).Microseconds(), 1))}
		got, sent, err := s.call(ctx, timer.C, q)
		switch {
		case err == ErrBroken && sent && notRepeated(number):
			return err
		case err == ErrBroken && s.isProven():
			continue
		case err == ErrBroken && !unproven:
			unproven = true
			continue
		case err == ErrBroken:
			return status.Error(codes.Unavailable, "the connection broke twice before the peer had accepted the stream")
		case err != nil:
			return err
		case got.answer.Code != uint32(codes.OK):
			return status.Error(codes.Code(got.answer.Code), got.answer.Error)
		}
		if err := proto.Unmarshal(got.answer.Message, answer); err != nil {
			return status.Errorf(codes.Internal, "cannot decode an answer of %s: %v", method, err)
		}
		if c.check != nil {
			return c.check(got.from, method, answer)
		}
		return nil
	}
}

// session returns the present session, or begins a new one.
func (c *Caller) session() (*session, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, errClosed
	}
	if c.present == nil {
		c.present = newSession(c)
	}
	return c.present, nil
}

// drop removes a session that ends.
func (c *Caller) drop(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.present == s {
		c.present = nil
	}
}
