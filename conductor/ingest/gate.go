package ingest

import (
	"context"
	"crypto/subtle"
	"math/rand/v2"
	"runtime/metrics"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"chordconductor/conductor/internal/otlpscan"
	"chordconductor/conductor/memory"
)

const (
	requestTimeout = 30 * time.Second // to receive and handle one request
	retryAfter     = 250 * time.Millisecond
	placeWait      = 2 * time.Second        // a body that has come waits so long for its place, then is refused
	heapEvery      = 100 * time.Millisecond // the heap is looked at so often at most
)

// A gate decides who is let in. A sender shows its token with the headers. Its body is received within the share for
// bodies being received. When the body is there, and not before, it takes a place, in which it is unpacked, looked
// through and decoded within the share for that. Events have places and memory of their own: neither a flood of spans
// nor senders that never come to an end keep them out.
type gate struct {
	token       string
	names       []string // by which the OTLP/HTTP port may be called, beside localhost and IP addresses
	maxBytes    int64
	memoryLimit uint64
	maxConns    int
	receive     *memory.Share
	decode      *memory.Share
	events      class
	others      class

	inFlight                          atomic.Int64
	refused, malformed, rejected, cut atomic.Uint64 // requests: overload; not OTLP; without the token; too slow

	heapAt atomic.Int64 // Unix nanoseconds of the last look
	heap   atomic.Uint64
}

// A class is requests that share places and memory to decode in.
type class struct {
	places *semaphore.Weighted
	memory *semaphore.Weighted
	limit  int64 // of memory
}

func newGate(cfg Config) *gate {
	g := &gate{token: cfg.Token, names: cfg.Names, maxBytes: cfg.MaxRequestBytes, memoryLimit: cfg.MemoryLimit, maxConns: maxConns}
	limit := unlimitedDecode
	if b := cfg.Memory; b != nil {
		g.receive, g.decode = b.Receive, b.Decode
		limit = b.Decode.Limit()
		g.maxConns = int(min(max(b.Limit>>19, 128), maxConns))
	}
	for _, c := range []*class{&g.events, &g.others} {
		*c = class{semaphore.NewWeighted(int64(cfg.MaxInFlight)), semaphore.NewWeighted(limit / 2), limit / 2}
	}
	return g
}

const (
	maxConns        = 4096           // of one port; with a budget one for each half a MiB
	unlimitedDecode = int64(4) << 30 // without a budget, as in tests
)

func (g *gate) classOf(signal otlpscan.Signal) *class {
	if signal == otlpscan.Logs {
		return &g.events
	}
	return &g.others
}

// authorize says whether a request may be made at all.
func (g *gate) authorize(authorization []string) error {
	if g.authorized(authorization) {
		return nil
	}
	g.rejected.Add(1)
	return status.Error(codes.Unauthenticated, "a bearer token is needed: Authorization: Bearer TOKEN")
}

func (g *gate) authorized(authorization []string) bool {
	if g.token == "" {
		return true
	}
	for _, value := range authorization {
		scheme, token, _ := strings.Cut(value, " ")
		if strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare([]byte(token), []byte(g.token)) == 1 {
			return true
		}
	}
	return false
}

// A work is a request that has its place. It holds memory until leave.
type work struct {
	gate  *gate
	class *class
	held  int64
}

// enter takes a place for a request whose body has come, waiting for one if need be.
func (g *gate) enter(ctx context.Context, signal otlpscan.Signal) (*work, error) {
	if g.memoryLimit > 0 && g.heapNow() > g.memoryLimit {
		return nil, g.refuse("memory is short")
	}
	w := &work{gate: g, class: g.classOf(signal)}
	ctx, cancel := context.WithTimeout(ctx, placeWait)
	defer cancel()
	if !w.class.places.TryAcquire(1) && w.class.places.Acquire(ctx, 1) != nil {
		return nil, g.refuse("too many requests in work")
	}
	g.inFlight.Add(1)
	return w, nil
}

// hold takes memory before it is used, waiting for others that use it.
func (w *work) hold(ctx context.Context, n int64) error {
	if n > w.class.limit-w.held {
		w.gate.decode.Refuse()
		return errTooMuch(n+w.held, w.class.limit)
	}
	if !w.class.memory.TryAcquire(n) {
		ctx, cancel := context.WithTimeout(ctx, placeWait)
		defer cancel()
		if w.class.memory.Acquire(ctx, n) != nil {
			w.gate.decode.Refuse()
			return w.gate.refuse("memory for decoding is short")
		}
	}
	w.held += n
	w.gate.decode.Take(n)
	return nil
}

func (w *work) give(n int64) {
	w.class.memory.Release(n)
	w.gate.decode.Give(n)
	w.held -= n
}

// leave gives the place and all memory back.
func (w *work) leave() {
	w.give(w.held)
	w.class.places.Release(1)
	w.gate.inFlight.Add(-1)
}

// errTooMuch refuses a request for good: it would not fit next time either.
func errTooMuch(need, limit int64) error {
	return status.Errorf(codes.ResourceExhausted, "the request would take some %d KiB of memory once decoded, and the conductor has %d KiB for one (--memory); send less at once",
		need>>10, limit>>10)
}

// refuse is the answer under overload. The pause it names is what makes a client try again: without it, Go's exporter
// drops the batch. It is spread out, so that senders do not come back all at once.
func (g *gate) refuse(why string) error {
	g.refused.Add(1)
	st, err := status.New(codes.ResourceExhausted, why+"; try again").WithDetails(&errdetails.RetryInfo{
		RetryDelay: durationpb.New(retryAfter + rand.N(retryAfter)),
	})
	if err != nil {
		return status.Error(codes.Unavailable, why+"; try again")
	}
	return st.Err()
}

// heapNow is what the last garbage collection found in use, a tenth of a second old at most.
func (g *gate) heapNow() uint64 {
	now, at := time.Now().UnixNano(), g.heapAt.Load()
	if now-at > int64(heapEvery) && g.heapAt.CompareAndSwap(at, now) {
		sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(sample)
		g.heap.Store(sample[0].Value.Uint64())
	}
	return g.heap.Load()
}
