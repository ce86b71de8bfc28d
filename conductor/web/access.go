package web

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"strings"
)

// A grant is what a request may do.
type grant int

const (
	nothing  grant = iota
	viewing        // with the view token: see the ring
	commands       // with the token, or on loopback: everything
)

func (g grant) String() string { return [...]string{"nobody", "view token", "token"}[g] } //lang:ok a value of the API

type grantKey struct{}

// MayCommand reports whether the request with this context may send commands. The WebSocket's Welcome depends on it.
func MayCommand(ctx context.Context) bool {
	g, _ := ctx.Value(grantKey{}).(grant)
	return g == commands
}

// isCommand reports whether a request does more than read: the view token does not suffice for it, and the audit log
// records it. Reading a key is a command, since stored values are not part of the view.
func isCommand(r *http.Request) bool {
	switch {
	case !strings.HasPrefix(r.URL.Path, "/api/"), r.URL.Path == "/api/scenarios/check":
		return false
	case strings.HasPrefix(r.URL.Path, "/api/keys"):
		return true
	}
	return r.Method != http.MethodGet && r.Method != http.MethodHead
}

// admit passes a request on if its credential suffices for it.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, next http.Handler) {
	g := s.granted(r)
	switch {
	case g == nothing:
		w.Header().Set("WWW-Authenticate", `Bearer realm="conductor"`)
		fail(w, http.StatusUnauthorized, "this request needs the token that the conductor was started with, as Authorization: Bearer TOKEN")
		return
	case isCommand(r):
		var done func()
		w, done = s.audited(w, r, g)
		defer done()
	}
	if g != commands && (isCommand(r) || r.URL.Path == "/api/audit") {
		fail(w, http.StatusForbidden, "the view token is for reading only; this request needs the conductor's token")
		return
	}
	limitBody(w, r)
	next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), grantKey{}, g)))
}

// granted returns what the credential of a request permits.
func (s *Server) granted(r *http.Request) grant {
	if s.cfg.Open {
		return commands
	}
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return s.grantOf(token)
	}
	if r.URL.Path != "/ws" {
		return nothing
	}
	for _, list := range r.Header.Values("Sec-WebSocket-Protocol") {
		for protocol := range strings.SplitSeq(list, ",") {
			if encoded, ok := strings.CutPrefix(strings.TrimSpace(protocol), tokenProtocol); ok {
				token, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(encoded, "="))
				if err != nil {
					return nothing
				}
				return s.grantOf(string(token))
			}
		}
	}
	return nothing
}

// grantOf compares hashes, so that the time taken reveals neither a token's content nor its length.
func (s *Server) grantOf(given string) grant {
	got := sha256.Sum256([]byte(given))
	is := func(token string) bool {
		want := sha256.Sum256([]byte(token))
		return subtle.ConstantTimeCompare(want[:], got[:]) == 1 && token != ""
	}
	token, view := is(s.cfg.Token), is(s.cfg.ViewToken)
	switch {
	case token:
		return commands
	case view:
		return viewing
	}
	return nothing
}
