package ingest

import (
	"context"
	"crypto/subtle"
	"math/rand/v2"
	"runtime/metrics"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

const (
	requestTimeout = 30 * time.Second // to receive and handle one request
	retryAfter     = 250 * time.Millisecond
	heapEvery      = 100 * time.Millisecond // the heap is measured so often at most
)

var gateID = component.MustNewID("gate")

// A gate decides, before a request's body is read, whether it is let in: the sender has shown its token, no more
// requests are in work than may be, and memory is not short. Both receivers have it as their middleware.
type gate struct {
	component.StartFunc
	component.ShutdownFunc

	token       string
	names       []string // by which the OTLP/HTTP port may be called, beside localhost and IP addresses
	maxInFlight int64
	memoryLimit uint64

	inFlight                     atomic.Int64
	refused, malformed, rejected atomic.Uint64 // requests: overload; not OTLP; without the token

	heapAt atomic.Int64 // Unix nanoseconds of the last measurement
	heap   atomic.Uint64

	// life ends when a shutdown has run out of time; requests still in work are given up then.
	life  context.Context
	abort context.CancelFunc
}

func newGate(cfg Config) *gate {
	g := &gate{token: cfg.Token, names: cfg.Names, maxInFlight: int64(cfg.MaxInFlight), memoryLimit: cfg.MemoryLimit}
	g.life, g.abort = context.WithCancel(context.Background())
	return g
}

// enter lets a request in, or says with which status it is turned away. Whoever was let in calls leave.
func (g *gate) enter(authorization []string) (leave func(), err error) {
	if !g.authorized(authorization) {
		g.rejected.Add(1)
		return nil, status.Error(codes.Unauthenticated, "a bearer token is needed: Authorization: Bearer TOKEN")
	}
	if g.inFlight.Add(1) > g.maxInFlight {
		g.inFlight.Add(-1)
		return nil, g.refuse("too many requests in work")
	}
	if g.memoryLimit > 0 && g.heapNow() > g.memoryLimit {
		g.inFlight.Add(-1)
		return nil, g.refuse("memory is short")
	}
	return sync.OnceFunc(func() { g.inFlight.Add(-1) }), nil
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

// heapNow is the size of the heap, a tenth of a second old at most.
func (g *gate) heapNow() uint64 {
	now, at := time.Now().UnixNano(), g.heapAt.Load()
	if now-at > int64(heapEvery) && g.heapAt.CompareAndSwap(at, now) {
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		metrics.Read(sample)
		g.heap.Store(sample[0].Value.Uint64())
	}
	return g.heap.Load()
}
