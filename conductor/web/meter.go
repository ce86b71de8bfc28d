package web

import (
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"time"

	"chordconductor/conductor/memory"
)

// The API's answers have a share of the memory. An answer is built in one of a few slots: views of the past, which take
// long, have slots of their own; large answers about the present use at most half of the processors; small ones never
// wait for either. The answer then counts until its reader has received it. When the share is full, the reader that has
// received nothing for the longest time is disconnected. A request that gets no slot, or no memory, is answered with
// 503; one that would never fit, with 507. The bodies of commands take memory of the share while they are received and
// handled.
const (
	slotBytes = 8 << 20          // the parts of an answer being built take at most this
	mostBuild = 4                // slots of either kind, for the present
	waitSlot  = 5 * time.Second  // for a slot, or for memory
	chunk     = 64 << 10         // bytes of an answer that its reader has readTime to receive
	readTime  = 10 * time.Second // so that a reader that receives nothing is disconnected
)

var errCrowded = errors.New("no memory is left for requests; try again later")

// A meter limits the memory of answers.
type meter struct {
	readers memory.Readers
	slots   chan struct{} // of small answers
	large   chan struct{} // of large ones
	past    chan struct{} // of views of the past
}

func newMeter(share *memory.Share) *meter {
	large := min(max(runtime.GOMAXPROCS(0)/2, 1), mostBuild)
	if share != nil {
		large = int(min(max(share.Limit()/slotBytes, 1), int64(large)))
	}
	return &meter{
		readers: memory.Readers{Share: share}, slots: make(chan struct{}, mostBuild), large: make(chan struct{}, large), past: make(chan struct{}, 1),
	}
}

// wrap limits the answers of next, the API.
func (m *meter) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/api/") {
			next.ServeHTTP(w, r)
			return
		}
		answer := &metered{ResponseWriter: w, r: r, meter: m}
		defer answer.leave()
		if slots := m.slotsFor(r); slots != nil {
			timer := time.NewTimer(waitSlot)
			defer timer.Stop()
			select {
			case slots <- struct{}{}:
				answer.slot = slots
			case <-timer.C:
				m.readers.Share.Refuse()
				retry(w)
				return
			case <-r.Context().Done():
				return
			}
		}
		body := &meteredBody{ReadCloser: r.Body, share: m.readers.Share}
		defer body.giveBack()
		r.Body = body
		next.ServeHTTP(answer, r)
	})
}

// slotsFor returns the slots of which a request needs one, or nil if it needs none: requests that call a host take
// none, since they may take long. The answer to HEAD is built like that to GET.
func (m *meter) slotsFor(r *http.Request) chan struct{} {
	if r.Method != http.MethodGet && r.Method != http.MethodHead || isKey(r) || strings.HasPrefix(r.URL.Path, "/api/keys") || strings.HasPrefix(r.URL.Path, "/api/partitions") {
		return nil
	}
	if q := r.URL.Query(); q.Has("at") || q.Has("since") || q.Has("until") {
		return m.past
	}
	switch r.URL.Path {
	case "/api/ring", "/api/events", "/api/lookups", "/api/simulation/report":
		return m.large
	}
	return m.slots
}

func retry(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "5")
	fail(w, http.StatusServiceUnavailable, "%s", errCrowded)
}

// A metered answer must be written whole, by one Write.
type metered struct {
	http.ResponseWriter
	r     *http.Request
	meter *meter
	slot  chan struct{} // nil: none is held
	code  int
	began bool
}

func (a *metered) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// WriteHeader holds the status back until the body is written, since there may be no memory for the body.
func (a *metered) WriteHeader(code int) {
	if a.code == 0 {
		a.code = code
	}
}

func (a *metered) leave() {
	if a.slot != nil {
		<-a.slot
		a.slot = nil
	}
	if a.code != 0 && !a.began { // an answer without a body
		a.ResponseWriter.WriteHeader(a.code)
	}
}

func (a *metered) Write(body []byte) (int, error) {
	if a.slot != nil {
		<-a.slot
		a.slot = nil
	}
	n := int64(len(body))
	if !a.meter.readers.Take(a.r.Context(), n, waitSlot) {
		return a.refuse(n)
	}
	defer a.meter.readers.Give(n)
	control := http.NewResponseController(a.ResponseWriter)
	reader := a.meter.readers.Begin(func() { _ = control.SetWriteDeadline(time.Unix(1, 0)) })
	defer reader.End()
	if code := a.code; code != 0 && !a.began {
		a.ResponseWriter.WriteHeader(code)
	}
	a.began = true
	written := 0
	for len(body) > 0 {
		piece := body[:min(len(body), chunk)]
		if !reader.Progress(func() { _ = control.SetWriteDeadline(time.Now().Add(readTime)) }) {
			return written, errCrowded
		}
		n, err := a.ResponseWriter.Write(piece)
		written += n
		if err != nil {
			return written, err
		}
		body = body[len(piece):]
	}
	_ = control.SetWriteDeadline(time.Time{}) // the connection may serve further requests
	return written, nil
}

// refuse answers with an error, since n more bytes of memory for the answer are not available.
func (a *metered) refuse(n int64) (int, error) {
	if a.began {
		return 0, errCrowded
	}
	a.began = true
	h := a.ResponseWriter.Header()
	h.Del("Content-Encoding")
	h.Del("Content-Length")
	if limit := a.meter.readers.Share.Limit(); n > limit {
		a.meter.readers.Share.Refuse()
		fail(a.ResponseWriter, http.StatusInsufficientStorage, "the answer has %d KiB, and the limit for answers is %d KiB (--memory); request less", n>>10, limit>>10)
		return 0, errCrowded
	}
	retry(a.ResponseWriter)
	return 0, errCrowded
}

// A meteredBody counts each received byte of a request's body twice: readers of the body grow their buffers before they
// need the room.
type meteredBody struct {
	io.ReadCloser
	share *memory.Share
	held  int64
}

func (b *meteredBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if !b.share.Take(2 * int64(n)) {
		return 0, errCrowded
	}
	b.held += 2 * int64(n)
	return n, err
}

func (b *meteredBody) giveBack() { b.share.Give(b.held) }
