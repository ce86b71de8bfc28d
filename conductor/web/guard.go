package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"chordconductor/internal/netname"
)

// csp lets the page load what this server serves and nothing else. Styles may stand inline: the chart library sets them.
const csp = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; " +
	"font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// tokenProtocol begins the WebSocket subprotocol that carries the token, since a browser can set no header there.
const tokenProtocol = "chord-token."

// guard stands before every handler.
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
		case s.secret(r.URL.Path) && !s.authorized(r):
			w.Header().Set("WWW-Authenticate", `Bearer realm="conductor"`)
			fail(w, http.StatusUnauthorized, "this needs the token that the conductor was started with, as Authorization: Bearer TOKEN")
		default:
			if r.URL.Path != "/ws" {
				_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout)) // best effort: not every test writer has one
			}
			next.ServeHTTP(w, r)
		}
	})
}

func (s *Server) headers(h http.Header) {
	h.Set("Content-Security-Policy", csp)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	if s.cfg.TLS {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// foreignOrigin reports whether a browser says that a page of another origin sent the request. Tools send no Origin.
func foreignOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	u, err := url.Parse(origin)
	return err != nil || !strings.EqualFold(u.Host, r.Host)
}

// secret reports whether a path tells or changes anything of the ring.
func (s *Server) secret(path string) bool {
	return path == "/ws" || strings.HasPrefix(path, "/api/")
}

func (s *Server) authorized(r *http.Request) bool {
	if s.cfg.Open {
		return true
	}
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return s.tokenIs(token)
	}
	if r.URL.Path != "/ws" {
		return false
	}
	for _, list := range r.Header.Values("Sec-WebSocket-Protocol") {
		for protocol := range strings.SplitSeq(list, ",") {
			if encoded, ok := strings.CutPrefix(strings.TrimSpace(protocol), tokenProtocol); ok {
				token, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(encoded, "="))
				return err == nil && s.tokenIs(string(token))
			}
		}
	}
	return false
}

// tokenIs compares hashes, so that the time taken tells neither the token's content nor its length.
func (s *Server) tokenIs(given string) bool {
	want, got := sha256.Sum256([]byte(s.cfg.Token)), sha256.Sum256([]byte(given))
	return s.cfg.Token != "" && subtle.ConstantTimeCompare(want[:], got[:]) == 1
}

// recovered keeps a handler's panic from the user and from the other requests.
func (s *Server) recovered(w http.ResponseWriter, r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler {
		panic(v) // net/http's own way to cut an answer short
	}
	if s.cfg.Logf != nil {
		s.cfg.Logf("%s %s: panic: %v\n%s", r.Method, r.URL.Path, v, debug.Stack())
	}
	fail(w, http.StatusInternalServerError, "internal error; the conductor's log says more")
}
