package ingest

import (
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	firstRepeat = time.Minute
	lastRepeat  = time.Hour
)

// A problem is a kind of refusal. Each kind has its own intervals in the log, so that none hides another: a probe every
// second would otherwise hide a misconfigured exporter for an hour. The kinds are fixed, so a sender cannot add one.
type problem int

const (
	unreadable       problem = iota // the body does not decode, or violates a bound
	unknownEncoding                 // the compression is not supported
	notUnpacked                     // decompressing the body fails
	unknownType                     // the content type is not supported
	unknownPath                     // or method of gRPC
	wrongMethod                     // of HTTP
	grpcAtHTTP                      // OTLP/gRPC at the port of OTLP/HTTP
	httpAtGRPC                      // and the reverse
	misdirected                     // another server's Host header
	noToken                         // no bearer token
	wrongToken                      // the token is not the configured one
	noCertificate                   // of the client
	notTLS                          // in the clear
	failedHandshake                 // for another reason
	tooLarge                        // for this conductor
	tooSlow                         // the body arrived too slowly
	panicked                        // the conductor's own fault
	serverDiagnostic                // of net/http
	problems                        // how many
)

// A refusal is the error of a request for which the sender is at fault.
type refusal struct {
	kind   problem
	status *status.Status
}

func (r *refusal) Error() string              { return r.status.Err().Error() }
func (r *refusal) GRPCStatus() *status.Status { return r.status }

func refused(k problem, code codes.Code, format string, args ...any) error {
	return &refusal{k, status.Newf(code, format, args...)}
}

// malformed returns the error for a malformed request.
func malformed(format string, args ...any) error {
	return refused(unreadable, codes.InvalidArgument, format, args...)
}

// troubles logs refusals: the first of a kind immediately, then, while they continue, at growing intervals, with the
// number since the last line.
type troubles struct {
	log *slog.Logger

	mu    sync.Mutex
	kinds [problems]trouble // guarded by mu
}

type trouble struct {
	next     time.Time
	interval time.Duration
	since    uint64 // not logged
}

func newTroubles(log *slog.Logger) *troubles { return &troubles{log: log} }

func (t *troubles) note(now time.Time, of problem, reason, from string) {
	t.mu.Lock()
	k := &t.kinds[of]
	k.since++
	if now.Before(k.next) {
		t.mu.Unlock()
		return
	}
	if now.Sub(k.next) > k.interval {
		k.interval = firstRepeat // refusals of this kind had stopped
	} else {
		k.interval = min(2*k.interval, lastRepeat)
	}
	k.next = now.Add(k.interval)
	n := k.since
	k.since = 0
	t.mu.Unlock()
	t.log.Warn("an OTLP request was refused", "reason", reason, "from", from, "requests", n)
}

// note counts and logs a request that was refused because of an error of the sender. Overload, ended connections and
// panics are not refusals: they are counted or logged where they arise.
func (p *port) note(r *http.Request, err error) {
	var bad *refusal
	if !errors.As(err, &bad) {
		return
	}
	switch bad.kind {
	case noToken, wrongToken, misdirected, tooSlow: // these are counted where they are detected
	default:
		p.gate.malformed.Add(1)
	}
	p.troubles.note(time.Now(), bad.kind, bad.status.Message(), r.RemoteAddr)
}
