package web

import (
	"fmt"
	"net/http"
	"path"
	"regexp"
	"strings"
)

// basePath matches a proxy's prefix: only characters that need no escaping, whatever notation the proxy uses.
var basePath = regexp.MustCompile(`^(/[A-Za-z0-9._~-]+)+$`)

const maxBasePath = 200 // bytes

// CheckBasePath returns a base path without the slash at its end. "/" and "" mean that there is no base path.
func CheckBasePath(text string) (string, error) {
	base := strings.TrimRight(text, "/")
	if base == "" && len(text) <= 1 {
		return "", nil
	}
	if !basePath.MatchString(base) || path.Clean(base) != base || len(base) > maxBasePath || len(text)-len(base) > 1 {
		return "", fmt.Errorf("%q: expected a path such as /chord, of letters, digits, -, ., _ and ~", text)
	}
	return base, nil
}

// under serves everything below a base path, for proxies that do not remove it. Health checks are also served at the
// root, for probes that do not come through the proxy. Nothing else is served at the root: a second address would
// complicate a proxy's rules.
func under(base string, site, outside http.Handler) http.Handler {
	if base == "" {
		return site
	}
	below := http.StripPrefix(base, site)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, base+"/"):
			below.ServeHTTP(w, r)
		case r.URL.Path == "/healthz", r.URL.Path == "/readyz":
			site.ServeHTTP(w, r)
		default:
			outside.ServeHTTP(w, r)
		}
	})
}

// outside answers requests outside of the base path: the root, and the base path without its last slash, redirect to
// the page.
func (s *Server) outside(w http.ResponseWriter, r *http.Request) {
	if asked := r.URL.Path; asked != s.cfg.Base && asked != "/" || r.Method != http.MethodGet && r.Method != http.MethodHead {
		fail(w, http.StatusNotFound, "no such path: %.200q; everything is below %s/ (--base-path)", asked, s.cfg.Base)
		return
	}
	to := s.cfg.Base + "/"
	if r.URL.RawQuery != "" {
		to += "?" + r.URL.RawQuery
	}
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusTemporaryRedirect)
}
