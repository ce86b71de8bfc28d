package web

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/wire"
)

const (
	maxKey   = 1 << 10
	maxValue = 1 << 20
)

const keysPath = "/api/keys"

// isKey reports whether the request's path names a key. Such a path must not go through the mux, which would clean it:
// a//b and a/../b are keys like any other.
func isKey(r *http.Request) bool {
	path := r.URL.EscapedPath()
	return path == keysPath || strings.HasPrefix(path, keysPath+"/")
}

// keyOf returns the key in the path, byte by byte as it was sent, or in ?key=. If there is no valid key, it has already
// answered, and returns false.
func keyOf(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	if !isKey(r) { // the part of the path before the key is percent-encoded
		fail(w, http.StatusNotFound, "no such path: %s", r.URL.EscapedPath())
		return nil, false
	}
	text, err := url.PathUnescape(strings.TrimPrefix(strings.TrimPrefix(r.URL.EscapedPath(), keysPath), "/"))
	if err != nil {
		fail(w, http.StatusBadRequest, "cannot decode the key's percent-encoding: %s", err)
		return nil, false
	}
	if q := r.URL.Query(); q.Has("key") {
		if text != "" {
			fail(w, http.StatusBadRequest, "key: named by the path, %.40q, and by ?key=; give one", text)
			return nil, false
		}
		text = q.Get("key")
	}
	key := []byte(text)
	if len(key) == 0 || len(key) > maxKey {
		fail(w, http.StatusBadRequest, "key: expected 1 to %d bytes, got %d", maxKey, len(key))
		return nil, false
	}
	return key, true
}

func (s *Server) putKey(w http.ResponseWriter, r *http.Request) {
	key, ok := keyOf(w, r)
	if !ok {
		return
	}
	var ttl time.Duration
	if text := r.URL.Query().Get("ttl"); text != "" {
		var err error
		if ttl, err = time.ParseDuration(text); err != nil || ttl < time.Millisecond {
			fail(w, http.StatusBadRequest, "ttl=%.40q: expected a duration of at least 1ms, such as 90s or 1h", text)
			return
		}
	}
	c := s.control(w)
	if c == nil {
		return
	}
	value, ok := body(w, r, maxValue)
	if !ok {
		return
	}
	done, err := c.Put(r.Context(), key, value, ttl)
	if err != nil {
		refused(w, err)
		return
	}
	answer(w, r, http.StatusOK, s.written(done))
}

// getKey answers with the value itself; the headers describe the lookup.
func (s *Server) getKey(w http.ResponseWriter, r *http.Request) {
	key, ok := keyOf(w, r)
	if !ok {
		return
	}
	c := s.control(w)
	if c == nil {
		return
	}
	got, err := c.Get(r.Context(), key)
	if err != nil {
		refused(w, err)
		return
	}
	found, h := s.found(got.Lookup), w.Header()
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'") // a stored value is data, never a page of the conductor
	h.Set("X-Chord-Owner", found.Owner)
	h.Set("X-Chord-Version", strconv.FormatUint(got.Version, 10))
	h.Set("X-Chord-Trace-Id", found.TraceID)
	send(w, r, http.StatusOK, "application/octet-stream", got.Value)
}

func (s *Server) deleteKey(w http.ResponseWriter, r *http.Request) {
	key, ok := keyOf(w, r)
	if !ok {
		return
	}
	c := s.control(w)
	if c == nil {
		return
	}
	done, err := c.Delete(r.Context(), key)
	if err != nil {
		refused(w, err)
		return
	}
	answer(w, r, http.StatusOK, s.written(done))
}

// lookup finds the owner of a key and answers with the hops.
func (s *Server) lookup(w http.ResponseWriter, r *http.Request) {
	c := s.control(w)
	if c == nil {
		return
	}
	var request lookupRequest
	if !command(w, r, &request) {
		return
	}
	if len(request.Key) == 0 || len(request.Key) > maxKey {
		fail(w, http.StatusBadRequest, "key: expected 1 to %d bytes, got %d", maxKey, len(request.Key))
		return
	}
	if request.Mode != "" && request.Mode != "recursive" && request.Mode != "iterative" {
		fail(w, http.StatusBadRequest, "mode %.20q: expected recursive, iterative, or none for the ring's own", request.Mode)
		return
	}
	var from *chord.ID
	if request.From != "" {
		id, wrong := member(s.cfg.Source.View(), request.From, true)
		if wrong != nil {
			wrong.text = "from: " + wrong.text
			wrong.answer(w)
			return
		}
		from = &id
	}
	found, err := c.Lookup(r.Context(), []byte(request.Key), from, request.Mode)
	if err != nil {
		refused(w, err)
		return
	}
	answer(w, r, http.StatusOK, s.found(found))
}

type foundJSON struct {
	TraceID    string    `json:"trace_id"` // empty: not sampled
	Key        string    `json:"key"`      // the key's identifier
	Owner      string    `json:"owner"`
	Mode       string    `json:"mode"`
	LatencyMS  float64   `json:"latency_ms"`
	DurationMS float64   `json:"duration_ms"` // the same, as earlier versions named it
	Timeouts   int       `json:"timeouts"`
	Hops       []hopJSON `json:"hops"` // initiator first, owner last
}

// writtenJSON is the result of a put or delete. It has no hops if the owner was cached: then no lookup was made.
type writtenJSON struct {
	TraceID    string  `json:"trace_id"` // empty: not sampled
	Key        string  `json:"key"`      // the key's identifier
	Owner      string  `json:"owner"`
	LatencyMS  float64 `json:"latency_ms"`
	DurationMS float64 `json:"duration_ms"` // the same, as earlier versions named it
	Copies     int     `json:"copies"`
	Version    string  `json:"version"` // a string, since the number is too large for JavaScript
}

func (s *Server) written(done wire.Written) writtenJSON {
	found := s.found(done.Lookup)
	return writtenJSON{found.TraceID, found.Key, found.Owner, found.LatencyMS, found.LatencyMS, done.Copies, strconv.FormatUint(done.Version, 10)}
}

// found converts a lookup to the form in which the API returns it. A nil lookup is one of which nothing is known.
func (s *Server) found(l *wire.Lookup) foundJSON {
	if l == nil {
		return foundJSON{Hops: []hopJSON{}}
	}
	f, took := formatOf(s.cfg.Source.View()), milliseconds(l.Duration)
	out := foundJSON{
		TraceID: l.Trace, Key: f.id(l.Key), Owner: f.id(l.Owner.ID), Mode: l.Mode,
		LatencyMS: took, DurationMS: took, Timeouts: l.Timeouts, Hops: make([]hopJSON, 0, len(l.Path)),
	}
	for _, h := range l.Path {
		at := milliseconds(h.At)
		out.Hops = append(out.Hops, hopJSON{ID: f.id(h.Peer.ID), Pointer: h.Pointer, Slot: h.Slot, AfterMS: at, AtMS: at, Timeouts: h.Timeouts})
	}
	return out
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
