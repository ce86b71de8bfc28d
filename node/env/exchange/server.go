package exchange

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"chordconductor/node/env"
	"chordconductor/node/nodepb"
)

// workers is the number of goroutines that serve one call after another, so that their stacks grow
// only once. When all of them are busy, a call gets a goroutine of its own.
const workers = 32

// Answer answers a call of a method, which is gRPC's full name. decode reads the request into a
// message; Answer must return an error of decode. ctx is the context of the stream with the call's
// limit; it also ends when the caller no longer waits.
type Answer func(ctx context.Context, method string, header []string, decode func(request any) error) (any, error)

// A Server serves the streams of all callers. It implements nodepb.ExchangeServer.
type Server struct {
	nodepb.UnimplementedExchangeServer
	answer Answer
	stop   <-chan struct{}
	jobs   chan func()

	mu       sync.Mutex
	sessions map[sessionKey]*served
	callers  map[string]int // sessions by connection
}

// A sessionKey contains the caller's end of the connection, so that no caller can join the session
// of another.
type sessionKey struct {
	caller string
	id     uint64
}

// NewServer returns a Server. After stop is closed, the Server begins no further calls, and its
// streams end when the calls being served have been answered.
func NewServer(answer Answer, stop <-chan struct{}) *Server {
	s := &Server{answer: answer, stop: stop, jobs: make(chan func()), sessions: map[sessionKey]*served{}, callers: map[string]int{}}
	for range workers {
		go func() {
			for {
				select {
				case job := <-s.jobs:
					job()
				case <-stop:
					return
				}
			}
		}()
	}
	return s
}

// Calls serves one stream.
func (s *Server) Calls(stream nodepb.Exchange_CallsServer) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	opening := first.GetOpening()
	if opening.GetVersion() != Version {
		return status.Errorf(codes.FailedPrecondition, "expected streams of version %d, got version %d", Version, opening.GetVersion())
	}
	key := sessionKey{id: opening.GetSession()}
	if p, ok := peer.FromContext(stream.Context()); ok {
		key.caller = p.Addr.String()
	}
	in, err := s.join(key, opening.GetLarge())
	if err != nil {
		return err
	}
	drained := false
	defer func() { s.leave(key, in.session, drained) }()

	if err := stream.SendHeader(metadata.Pairs(acceptedKey, strconv.Itoa(Version))); err != nil {
		return err
	}
	written := make(chan struct{})
	failed := make(chan error, 1)
	go func() {
		defer close(written)
		in.write(stream)
	}()
	go func() { failed <- s.read(stream, in, first) }()
	select {
	case err := <-failed:
		if err != nil {
			return err
		}
	case <-in.session.ctx.Done(): // the other stream broke
	case <-s.stop:
	}
	in.session.drain() // a request that arrives from now on is not answered; its caller finds that the stream has ended
	select {
	case <-written: // all answers are written, unless the session has ended
		drained = true
	case <-stream.Context().Done():
	}
	return nil
}

// join adds a stream to its session. It returns an error if the session already has that stream, or
// if the connection has maxSessions sessions.
func (s *Server) join(key sessionKey, large bool) (*incoming, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.sessions[key]
	if c == nil {
		if s.callers[key.caller] == maxSessions {
			return nil, status.Errorf(codes.ResourceExhausted, "this connection already has %d sessions of calls, and may not have more", maxSessions)
		}
		s.callers[key.caller]++
		c = newServed()
		s.sessions[key] = c
	}
	in := c.add(large)
	if in == nil {
		return nil, status.Error(codes.InvalidArgument, "the session already has such a stream")
	}
	return in, nil
}

// leave removes a stream from its session. If the stream broke, leave ends the session, and the
// caller begins another session. If the stream has sent all its answers (drained), the session goes
// on: the other stream may have answers left.
func (s *Server) leave(key sessionKey, c *served, drained bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := c.remove()
	if last {
		delete(s.sessions, key)
		if s.callers[key.caller]--; s.callers[key.caller] == 0 {
			delete(s.callers, key.caller)
		}
	}
	if last || !drained {
		c.cancel()
	}
}

// read begins the calls that arrive on a stream, until the stream breaks, the session ends, or the
// caller breaks the protocol.
func (s *Server) read(stream nodepb.Exchange_CallsServer, in *incoming, m *nodepb.CallsRequest) error {
	for {
		arrived := time.Now()
		for _, n := range m.GetEnded() {
			in.session.cancelCall(n) // before the requests are begun, which may have to wait for a free slot
		}
		for _, q := range m.GetRequests() {
			if size := len(q.GetMessage()); size > MaxMessage || size > largeMessage && !in.large {
				return status.Errorf(codes.InvalidArgument, "a request of %d bytes exceeds the bound of its stream", size)
			}
			if !s.begin(stream.Context(), in, q, arrived) {
				return nil
			}
		}
		for _, n := range m.GetEnded() {
			in.session.cancelCall(n) // the caller gave up this call before it was sent in this message
		}
		var err error
		if m, err = stream.Recv(); err != nil {
			return err
		}
	}
}

// begin starts to serve a call. It returns false if the session or the host ends.
func (s *Server) begin(ctx context.Context, in *incoming, q *nodepb.Request, arrived time.Time) bool {
	limit := maxLimit
	if us := q.GetLimitUs(); us > 0 && us < uint64(maxLimit/time.Microsecond) {
		limit = time.Duration(us) * time.Microsecond
	}
	until := arrived.Add(limit) // the caller waits no longer than this, however long the call waits for a slot
	select {
	case in.slots <- struct{}{}:
	case <-in.session.ctx.Done():
		return false
	case <-s.stop:
		return false
	}
	ctx, cancel := context.WithDeadline(ctx, until)
	if !in.session.begin(q.GetNumber(), cancel) {
		cancel()
		return false
	}
	job := func() {
		a := s.serve(ctx, q)
		in.session.cancelCall(q.GetNumber())
		in.session.reply(a)
		<-in.slots
	}
	select {
	case s.jobs <- job:
	default:
		go job()
	}
	return true
}

// maxLimit bounds the time limit of a call, and is the limit of a call without one.
const maxLimit = time.Hour

// serve answers one call.
func (s *Server) serve(ctx context.Context, q *nodepb.Request) *nodepb.Answer {
	out := &nodepb.Answer{Number: q.GetNumber()}
	if ctx.Err() != nil {
		out.Code, out.Error = uint32(codes.DeadlineExceeded), "the call's limit passed before it could be served"
		return out
	}
	method, ok := names[q.GetMethod()]
	if !ok {
		out.Code, out.Error = uint32(codes.Unimplemented), "unknown method "+q.GetMethod().String()
		return out
	}
	a, err := s.answer(ctx, method, q.GetHeader(), func(request any) error {
		if err := proto.Unmarshal(q.GetMessage(), request.(proto.Message)); err != nil {
			return status.Errorf(codes.InvalidArgument, "cannot decode a request of %s: %v", method, err)
		}
		return nil
	})
	if err == nil {
		out.Message, err = proto.Marshal(a.(proto.Message))
	}
	if err == nil && len(out.Message) > MaxMessage {
		err = status.Errorf(codes.ResourceExhausted, "cannot send an answer of %s: it has %d bytes, at most %d are allowed", method, len(out.Message), MaxMessage)
		out.Message = nil
	}
	if err != nil {
		st := env.StatusOf(err)
		out.Code, out.Error = uint32(st.Code()), st.Message()
		if len(out.Error) > maxError {
			out.Error = strings.ToValidUTF8(out.Error[:maxError], "")
		}
	}
	return out
}
