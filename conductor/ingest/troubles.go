package ingest

import (
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

// troubles logs senders' errors: the first at once, then at growing intervals while they continue, with their number
// since. There are as many kinds as there are codes.
type troubles struct {
	log *slog.Logger

	mu    sync.Mutex
	kinds map[codes.Code]*trouble // guarded by mu
}

type trouble struct {
	next     time.Time
	interval time.Duration
	since    uint64 // not logged
}

func newTroubles(log *slog.Logger) *troubles {
	return &troubles{log: log, kinds: map[codes.Code]*trouble{}}
}

func (t *troubles) note(now time.Time, st *status.Status, from string) {
	t.mu.Lock()
	k := t.kinds[st.Code()]
	if k == nil {
		k = &trouble{}
		t.kinds[st.Code()] = k
	}
	k.since++
	if now.Before(k.next) {
		t.mu.Unlock()
		return
	}
	if now.Sub(k.next) > k.interval {
		k.interval = firstRepeat // it had stopped
	} else {
		k.interval = min(2*k.interval, lastRepeat)
	}
	k.next = now.Add(k.interval)
	n := k.since
	k.since = 0
	t.mu.Unlock()
	t.log.Warn("an OTLP request was refused", "reason", st.Message(), "from", from, "requests", n)
}

// note counts and logs a request that is the sender's fault. Overload and panics are not: they are counted or logged
// where they arise.
func (p *port) note(r *http.Request, st *status.Status) {
	switch {
	case st.Code() == codes.Unavailable, st.Code() == codes.ResourceExhausted && isOverload(st), st.Code() == codes.Canceled, st.Code() == codes.Internal:
		return
	case st.Code() != codes.Unauthenticated && st.Code() != codes.PermissionDenied && st.Code() != codes.DeadlineExceeded:
		p.gate.malformed.Add(1)
	}
	p.troubles.note(time.Now(), st, r.RemoteAddr)
}
