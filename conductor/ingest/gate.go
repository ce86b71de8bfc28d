package ingest

import (
	"crypto/subtle"
	"math/rand/v2"
	"runtime/metrics"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"chordconductor/conductor/memory"
)

const (
	requestTimeout = 30 * time.Second // to receive and handle one request
	retryAfter     = 250 * time.Millisecond
	heapEvery      = 100 * time.Millisecond // the minimum interval between two looks at the heap
)

// A gate decides which requests are admitted. A sender sends its token with the headers. Its body is received within
// the memory share for bodies being received. When the body is complete, and not before, the request takes a slot in a
// lane (lanes.go), in which it is decompressed, scanned and decoded within the share for that.
type gate struct {
	token       string
	names       []string // Host names that the OTLP/HTTP port accepts, beside localhost and IP addresses
	maxBytes    int64
	memoryLimit uint64
	maxConns    int
	receive     *memory.Share
	decode      *memory.Share
	events      class
	others      class

	inFlight                              atomic.Int64
	refused, malformed, rejected, aborted atomic.Uint64 // numbers of requests: refused under overload; not OTLP; not authenticated; too slow

	heapAt atomic.Int64 // Unix nanoseconds of the last look
	heap   atomic.Uint64
}

func newGate(cfg Config) *gate {
	g := &gate{token: cfg.Token, names: cfg.Names, maxBytes: cfg.MaxRequestBytes, memoryLimit: cfg.MemoryLimit, maxConns: maxConns}
	limit := unlimitedDecode
	if b := cfg.Memory; b != nil {
		g.receive, g.decode = b.Receive, b.Decode
		limit = b.Decode.Limit()
		g.maxConns = int(min(max(b.Limit>>19, 128), maxConns))
	}
	g.events, g.others = newClasses(limit, cfg.MaxInFlight)
	return g
}

const (
	maxConns        = 4096           // connections of one port; with a memory budget, one for each half MiB
	unlimitedDecode = int64(4) << 30 // without a budget, as in tests
)

// authorize checks whether a request has the token, if one is required.
func (g *gate) authorize(authorization []string) error {
	if g.authorized(authorization) {
		return nil
	}
	g.rejected.Add(1)
	// The texts must not look like a secret to the filter that logs pass through.
	if len(authorization) == 0 {
		return refused(noToken, codes.Unauthenticated, "no bearer token: this port requires the token that the conductor was started with (--otlp-token)")
	}
	return refused(wrongToken, codes.Unauthenticated, "the bearer token is not the one that the conductor was started with (--otlp-token)")
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

// errTooMuch returns the error that rejects a request permanently: the request would not fit if it was sent again.
func errTooMuch(need, limit int64) error {
	return refused(tooLarge, codes.ResourceExhausted, "the request would take some %d KiB of memory once decoded, and the limit for one request is %d KiB (--memory); send less at once",
		need>>10, limit>>10)
}

// refuse returns the error under overload. It names a pause, after which a client tries again: without it, Go's
// exporter drops the batch. The pause is random, so that senders do not all retry at the same time.
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

// heapNow returns the size of the live heap at the last garbage collection. It reads the runtime's metric at most once
// per heapEvery; between two readings it returns the earlier value.
func (g *gate) heapNow() uint64 {
	now, at := time.Now().UnixNano(), g.heapAt.Load()
	if now-at > int64(heapEvery) && g.heapAt.CompareAndSwap(at, now) {
		sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(sample)
		g.heap.Store(sample[0].Value.Uint64())
	}
	return g.heap.Load()
}
