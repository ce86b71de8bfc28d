package web

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"pgregory.net/rapid"
)

func TestCheckBasePath(t *testing.T) {
	for in, want := range map[string]string{"": "", "/": "", "/x": "/x", "/x/": "/x", "/team-a/chord_1.0~": "/team-a/chord_1.0~"} {
		if got, err := CheckBasePath(in); err != nil || got != want {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	for _, bad := range []string{"x", "x/y", "//", "/x//", "//x", "/a//b", "/a/../b", "/.", "/..", "/a b", "/a?b", "/a#b", "/a%20b", "/ü", "http://h/x", "/{x}", "/x\n", "/" + strings.Repeat("x", maxBasePath)} {
		if got, err := CheckBasePath(bad); err == nil {
			t.Errorf("%q is accepted, as %q", bad, got)
		}
	}
	rapid.Check(t, func(t *rapid.T) { // an accepted path is accepted again unchanged, and is valid in a URL
		got, err := CheckBasePath(rapid.OneOf(rapid.String(), rapid.StringMatching(`(/[a-z.]{0,3}){0,4}`)).Draw(t, "path"))
		if err != nil || got == "" {
			return
		}
		if again, err := CheckBasePath(got); err != nil || again != got {
			t.Fatalf("%q: %q, %v", got, again, err)
		}
		if u, err := url.Parse(got); err != nil || u.EscapedPath() != got {
			t.Fatalf("%q: %v, %v", got, u, err)
		}
	})
}

// proxied starts a conductor behind a proxy that serves it below a prefix, which the proxy keeps or strips.
func proxied(t *testing.T, prefix string, strip bool, configure func(*Config)) (front, direct string) {
	t.Helper()
	base := prefix
	if strip {
		base = ""
	}
	s, _ := newServer(t, func(c *Config) {
		c.Base = base
		c.Hub = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			conn, err := websocket.Accept(w, r, nil)
			if err == nil {
				conn.Close(websocket.StatusNormalClosure, "hello")
			}
		})
		if configure != nil {
			configure(c)
		}
	})
	back := httptest.NewServer(s)
	t.Cleanup(back.Close)
	target, err := url.Parse(back.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
		if strip {
			r.Out.URL.Path = strings.TrimPrefix(r.In.URL.Path, prefix)
			r.Out.URL.RawPath = strings.TrimPrefix(r.In.URL.RawPath, prefix)
		}
	}}
	outer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, prefix+"/") { // no ServeMux, which would clean paths
			http.NotFound(w, r)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(outer.Close)
	return outer.URL, back.URL
}

func fetch(t *testing.T, method, address, body string, set func(*http.Request)) (status int, header http.Header, text string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if set != nil {
		set(r)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	all, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, string(all)
}

// Page, API, WebSocket and health checks are the same behind a proxy that strips its prefix and behind one that does
// not, and so are the checks of host, origin and token.
func TestBehindAProxy(t *testing.T) {
	for _, prefix := range []string{"/x", "/team-a/chord"} {
		for _, strip := range []bool{true, false} {
			front, direct := proxied(t, prefix, strip, nil)
			for _, c := range []struct {
				method, path, body string
				status             int
				has                string
			}{
				{"GET", "/", "", http.StatusOK, "<!doctype html>"},
				{"GET", "/index.html", "", http.StatusOK, "<!doctype html>"},
				{"GET", "/healthz", "", http.StatusOK, ""},
				{"GET", "/readyz", "", http.StatusOK, ""},
				{"GET", "/api/ring", "", http.StatusOK, `"seq"`},
				{"GET", "/api/events?limit=2", "", http.StatusOK, "events"},
				{"PUT", "/api/keys/a%2Fb//c", "value", http.StatusOK, ""},
				{"GET", "/api/keys/a%2Fb//c", "", http.StatusOK, ""},
				{"POST", "/api/nodes", `{"count":1}`, http.StatusAccepted, ""},
				{"GET", "/api/none", "", http.StatusNotFound, "no such path: /api/none"},
				{"GET", "/none", "", http.StatusNotFound, ""},
			} {
				status, _, text := fetch(t, c.method, front+prefix+c.path, c.body, nil)
				if status != c.status || !strings.Contains(text, c.has) {
					t.Errorf("%s stripped %v: %s %s: %d %s", prefix, strip, c.method, c.path, status, text)
				}
			}
			conn, answer, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(front, "http")+prefix+"/ws", nil)
			if err != nil {
				t.Fatalf("%s stripped %v: WebSocket: %v %v", prefix, strip, answer, err)
			}
			conn.CloseNow()
			for _, path := range []string{"/healthz", "/readyz"} {
				if status, _, _ := fetch(t, "GET", direct+path, "", nil); status != http.StatusOK {
					t.Errorf("%s stripped %v: %s at the root: %d", prefix, strip, path, status)
				}
			}
			foreign := func(r *http.Request) { r.Header.Set("Origin", "http://evil.example") }
			if status, _, _ := fetch(t, "POST", front+prefix+"/api/nodes", `{"count":1}`, foreign); status != http.StatusForbidden {
				t.Errorf("%s stripped %v: a command from another origin: %d", prefix, strip, status)
			}
			if _, answer, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(front, "http")+prefix+"/ws", &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {"http://evil.example"}}}); err == nil || answer.StatusCode != http.StatusForbidden {
				t.Errorf("%s stripped %v: a WebSocket from another origin: %v", prefix, strip, err)
			}
			if status, _, _ := fetch(t, "GET", front+prefix+"/api/ring", "", func(r *http.Request) { r.Host = "evil.example" }); status != http.StatusMisdirectedRequest {
				t.Errorf("%s stripped %v: another host's name: %d", prefix, strip, status)
			}
		}
	}
}

// Off loopback the token is required below the base path, and the view token permits no command there.
func TestTokensBelowABasePath(t *testing.T) {
	for _, strip := range []bool{true, false} {
		front, _ := proxied(t, "/x", strip, func(c *Config) { c.Open, c.Token, c.ViewToken = false, "the-token", "the-view-token" })
		bearer := func(token string) func(*http.Request) {
			return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
		}
		for _, c := range []struct {
			method, path, token string
			status              int
		}{
			{"GET", "/api/ring", "", http.StatusUnauthorized}, {"GET", "/api/ring", "wrong", http.StatusUnauthorized}, {"GET", "/api/ring", "the-view-token", http.StatusOK},
			{"GET", "/api/audit", "the-view-token", http.StatusForbidden}, {"POST", "/api/nodes", "the-view-token", http.StatusForbidden},
			{"POST", "/api/nodes", "the-token", http.StatusAccepted}, {"GET", "/ws", "", http.StatusUnauthorized}, {"GET", "/", "", http.StatusOK}, {"GET", "/healthz", "", http.StatusOK},
		} {
			if status, _, text := fetch(t, c.method, front+"/x"+c.path, `{"count":1}`, bearer(c.token)); status != c.status {
				t.Errorf("stripped %v: %s %s with %q: %d %s, want %d", strip, c.method, c.path, c.token, status, text, c.status)
			}
		}
	}
}

// With a base path, nothing else is served at the root: the root redirects to the page, and the answer for any other
// path names the base path. No answer leads outside of the prefix.
func TestOutsideOfTheBasePath(t *testing.T) {
	_, direct := proxied(t, "/x", false, nil)
	for path, want := range map[string]string{"/": "/x/", "/x": "/x/", "/?tab=lookups": "/x/?tab=lookups", "/x?t=1&a=b": "/x/?t=1&a=b"} {
		if status, header, _ := fetch(t, "GET", direct+path, "", nil); status != http.StatusTemporaryRedirect || header.Get("Location") != want || header.Get("Content-Security-Policy") == "" {
			t.Errorf("%s: %d to %q, want %q", path, status, header.Get("Location"), want)
		}
	}
	for _, c := range []struct{ method, path string }{
		{"GET", "/api/ring"}, {"GET", "/ws"}, {"GET", "/xy/api/ring"}, {"GET", "/y/x/"}, {"POST", "/"}, {"GET", "/x/x/api/ring"}, {"POST", "/api/nodes"},
		{"GET", "/x//api/ring"}, {"GET", "/x/api/../api/ring"}, {"GET", "/x/./healthz"}, {"GET", "//x/"},
	} {
		// This request is made without a client, since a client would clean the path.
		r := httptest.NewRequest(c.method, "/", strings.NewReader("{}"))
		r.URL.Path, r.RequestURI, r.Host = c.path, c.path, "localhost"
		w := httptest.NewRecorder()
		s, _ := newServer(t, func(cfg *Config) { cfg.Base = "/x" })
		s.ServeHTTP(w, r)
		if w.Code != http.StatusNotFound || w.Header().Get("Location") != "" || !strings.Contains(w.Body.String(), "no such path") {
			t.Errorf("%s %s: %d %s %v", c.method, c.path, w.Code, w.Body, w.Header())
		}
	}
	if status, header, _ := fetch(t, "GET", direct+"/", "", func(r *http.Request) { r.Host = "evil.example" }); status != http.StatusMisdirectedRequest || header.Get("Location") != "" {
		t.Errorf("the root by another name: %d", status)
	}
}

// A key may have the name of a health check; its requests do not get the connections that are reserved for health
// checks.
func TestWhatIsHealth(t *testing.T) {
	for path, want := range map[string]bool{
		"/healthz": true, "/readyz": true, "/ring/healthz": true, "/ring/readyz": true,
		"/api/keys/healthz": false, "/ring/api/keys/healthz": false, "/other/healthz": false, "/ring": false, "/": false,
	} {
		s := &Server{cfg: Config{Base: "/ring"}}
		if got := s.isHealth(httptest.NewRequest(http.MethodGet, path, nil)); got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
}
