package web

import (
	"io"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"chordconductor/internal/netname"
)

// csp lets the page load only what this server serves. Inline styles are allowed, since the chart library sets them.
const csp = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; " +
	"font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// tokenProtocol is the beginning of the WebSocket subprotocol that has the token: a browser can set no header on a
// WebSocket.
const tokenProtocol = "chord-token."

// guard makes the checks that precede every handler.
func (s *Server) guard(next http.Handler) http.Handler {
	crossOrigin := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer s.recovered(w, r)
		s.headers(w.Header())
		switch {
		case !netname.Serves(r.Host, s.cfg.Names):
			fail(w, http.StatusMisdirectedRequest, "host %.80q is not this server; name it with --allow-host if it is", r.Host)
		case crossOrigin.Check(r) != nil, r.URL.Path == "/ws" && foreignOrigin(r):
			fail(w, http.StatusForbidden, "requests from another origin are refused")
		case s.secret(r.URL.Path):
			s.admit(w, r, next)
		default:
			limitBody(w, r)
			next.ServeHTTP(w, r)
		}
	})
}

// limitBody bounds the time for reading a request's body, and only that: a deadline that stayed would end the request
// while its answer is being prepared, since net/http continues to read in order to notice a client that disconnects.
func limitBody(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength == 0 { // there is no body; -1 means a body of unknown length
		return
	}
	control := http.NewResponseController(w)
	if control.SetReadDeadline(time.Now().Add(bodyTimeout)) == nil { // some writers of tests cannot set deadlines
		r.Body = timedBody{r.Body, control}
	}
}

// A timedBody removes the deadline when the body ends. net/http discards what a handler leaves unread, within the
// deadline.
type timedBody struct {
	io.ReadCloser
	control *http.ResponseController
}

func (b timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		_ = b.control.SetReadDeadline(time.Time{}) // fails on a connection that has ended
	}
	return n, err
}

func (s *Server) headers(h http.Header) {
	h.Set("Content-Security-Policy", csp)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	if s.cfg.TLS != nil {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// foreignOrigin reports whether a page of another origin sent the request, according to the browser. Tools send no
// Origin.
func foreignOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	u, err := url.Parse(origin)
	return err != nil || !strings.EqualFold(u.Host, r.Host)
}

// secret reports whether requests to path need the token: those that read or change the ring.
func (s *Server) secret(path string) bool {
	return path == "/ws" || strings.HasPrefix(path, "/api/")
}

// recovered answers for a handler that panicked, so that neither the user nor other requests see the panic.
func (s *Server) recovered(w http.ResponseWriter, r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler {
		panic(v) // net/http's own way to abort an answer
	}
	if s.cfg.Logf != nil {
		s.cfg.Logf("%s %s: panic: %v\n%s", r.Method, r.URL.Path, v, debug.Stack())
	}
	fail(w, http.StatusInternalServerError, "internal error; see the conductor's log")
}
