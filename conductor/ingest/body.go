package ingest

import (
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"chordconductor/conductor/internal/connlimit"
	"chordconductor/conductor/memory"
	"chordconductor/internal/duration"
)

const (
	// openCost is the memory of a request before its body arrives: its goroutine, its stream, its headers.
	openCost = 24 << 10
	// A request whose body arrives slower than slowBytes in slowTime is aborted.
	slowTime  = 5 * time.Second
	slowBytes = 5 << 10
	// While bodies being received take more than half of their share, requests that are as slow for shortTime are
	// aborted, the oldest first. Large bodies do not grow beyond three quarters of the share: the rest is for small
	// ones.
	shortTime = time.Second
	firstRead = 4 << 10

	maxDiscard = 256 << 20 // bytes that are discarded of a request that is too large
)

// A reception is a request whose body is being received. It holds memory of the share for bodies, of which one
// connection may hold a quarter.
type reception struct {
	gate *gate
	conn *connlimit.Conn // nil in tests without a connection
	held int64

	mu      sync.Mutex
	begin   time.Time
	since   time.Time // start of the measured interval
	bytes   int64     // bytes received in that interval
	aborted bool
	abort   func()
}

// hold takes memory for the body. It returns an error with the reason if it cannot.
func (b *reception) hold(n int64) error {
	if share := b.gate.receive; share != nil {
		if b.conn != nil && b.conn.Held.Add(n) > share.Limit()/4 {
			b.conn.Held.Add(-n)
			share.Refuse()
			return b.gate.refuse("this connection has too many requests in progress")
		}
		taken := false
		if b.held+n > openCost+smallBody {
			taken = share.TakeBelow(n, spare(share))
		} else {
			taken = share.Take(n)
		}
		if !taken {
			if b.conn != nil {
				b.conn.Held.Add(-n)
			}
			return b.gate.refuse("no memory is left for further requests")
		}
	}
	b.mu.Lock()
	b.held += n
	b.mu.Unlock()
	return nil
}

// spare returns how many bytes of the share for bodies may be in use after a large request has taken memory.
func spare(share *memory.Share) int64 { return share.Limit() / 4 * 3 }

// release frees all memory of the reception.
func (b *reception) release() {
	if b.gate.receive != nil {
		b.gate.receive.Give(b.held)
		if b.conn != nil {
			b.conn.Held.Add(-b.held)
		}
	}
	b.held = 0
}

// receive reads a request's whole body, as it was sent. The caller must release the reception, which holds the body's
// memory.
func (p *port) receive(w http.ResponseWriter, r *http.Request, most int64) (body []byte, b *reception, err error) {
	b = &reception{gate: p.gate, conn: connlimit.Of(r.Context()), begin: time.Now()}
	b.since = b.begin
	if err := b.hold(openCost); err != nil {
		return nil, b, err
	}
	control := http.NewResponseController(w)
	b.abort = func() { _ = control.SetReadDeadline(time.Unix(1, 0)) }
	p.slow.watch(b)
	defer p.slow.forget(b)
	end := most + 1 // one byte more than allowed, to detect a body that is too large
	if r.ContentLength >= 0 {
		end = min(r.ContentLength+1, end)
	}
	size := min(firstRead, end)
	for {
		if int64(len(body)) == int64(cap(body)) {
			if err := b.hold(size - int64(cap(body))); err != nil {
				return nil, b, err
			}
			grown := make([]byte, len(body), size)
			copy(grown, body)
			body, size = grown, min(4*size, end) // a request holds at most four times what has arrived
		}
		n, err := r.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		aborted := b.progress(n)
		switch {
		case int64(len(body)) > most:
			b.discard(r.Body, body)
			return nil, b, errTooLarge(most)
		case err == io.EOF:
			return body, b, nil
		case aborted:
			p.gate.aborted.Add(1)
			return nil, b, refused(tooSlow, codes.DeadlineExceeded, "the body arrived slower than %d bytes in %s (while memory is short, that rate over %s), or not within %s", slowBytes,
				duration.Text(slowTime), duration.Text(shortTime), duration.Text(requestTimeout))
		case err != nil && isFraming(r, err):
			return nil, b, malformed("the body is malformed: %v", err)
		case err != nil:
			return nil, b, status.Errorf(codes.Canceled, "the body is incomplete: %v", err)
		}
	}
}

// isFraming reports whether err means that the body's chunks are malformed, which is the sender's error. Otherwise the
// connection, or the HTTP/2 stream, has ended.
func isFraming(r *http.Request, err error) bool {
	var network net.Error
	return r.ProtoMajor == 1 && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, net.ErrClosed) && !errors.As(err, &network)
}

// discard reads the rest of the body without keeping it, at the required pace. So the sender can read why its request
// is rejected; it would take an early end for a broken connection, and retry.
func (b *reception) discard(body io.Reader, scratch []byte) {
	for left := int64(maxDiscard); left > 0; {
		n, err := body.Read(scratch)
		if left -= int64(n); b.progress(n) || err != nil {
			return
		}
	}
}

func (b *reception) progress(n int) (aborted bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bytes += int64(n)
	return b.aborted
}

func errTooLarge(most int64) error {
	return refused(tooLarge, codes.ResourceExhausted, "the request is larger than %d bytes", most)
}

// An overseer aborts receptions that are too slow.
type overseer struct {
	share *memory.Share // of bodies being received; nil: without a limit

	mu  sync.Mutex
	all map[*reception]struct{} // guarded by mu; as many as the share for bodies allows
}

func newOverseer(share *memory.Share) *overseer {
	return &overseer{share: share, all: map[*reception]struct{}{}}
}

func (o *overseer) watch(b *reception) {
	o.mu.Lock()
	o.all[b] = struct{}{}
	o.mu.Unlock()
}

func (o *overseer) watched() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.all)
}

func (o *overseer) forget(b *reception) {
	o.mu.Lock()
	delete(o.all, b)
	o.mu.Unlock()
}

func (o *overseer) run(stop <-chan struct{}) {
	tick := time.NewTicker(slowTime / 10)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case now := <-tick.C:
			o.look(now)
		}
	}
}

// look aborts receptions that have been too slow for a whole interval. An interval ends when enough has arrived.
func (o *overseer) look(now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for b := range o.all {
		b.mu.Lock()
		switch {
		case now.Sub(b.begin) > requestTimeout:
			b.aborted = true
		case b.bytes >= slowBytes:
			b.since, b.bytes = now, 0
		case now.Sub(b.since) > slowTime:
			b.aborted = true
		}
		if b.aborted {
			b.abort()
		}
		b.mu.Unlock()
	}
	o.makeRoom(now)
}

// makeRoom aborts slow receptions until half of the share for bodies is free.
func (o *overseer) makeRoom(now time.Time) {
	over := o.share.Used() - o.share.Limit()/2
	if over <= 0 {
		return
	}
	type slow struct {
		*reception
		since time.Time
		held  int64
	}
	var all []slow
	for b := range o.all {
		b.mu.Lock()
		if took := now.Sub(b.since); !b.aborted && took > shortTime && float64(b.bytes) < slowBytes*took.Seconds()/slowTime.Seconds() {
			all = append(all, slow{b, b.since, b.held})
		}
		b.mu.Unlock()
	}
	slices.SortFunc(all, func(a, b slow) int { return a.since.Compare(b.since) })
	for _, one := range all {
		if over <= 0 {
			return
		}
		one.mu.Lock()
		one.aborted = true
		one.abort()
		one.mu.Unlock()
		o.share.Refuse()
		over -= one.held
	}
}
