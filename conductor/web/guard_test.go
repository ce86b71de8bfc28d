package web

import (
	"crypto/tls"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
)

const secretToken = "s3cret/token+"

func TestHostHeader(t *testing.T) {
	s, _ := newServer(t, func(c *Config) { c.Names = []string{"conductor.example"} })
	for name, want := range map[string]int{
		"localhost":              200,
		"LOCALHOST:4321":         200,
		"127.0.0.1:4321":         200,
		"[::1]:4321":             200,
		"192.168.7.7:4321":       200, // no DNS name, so nothing that could be rebound
		"conductor.example:4321": 200,
		"conductor.example.":     200,
		"evil.example":           421,
		"localhost.evil.example": 421,
		"127.0.0.1.evil.example": 421,
		"":                       421,
	} {
		for _, path := range []string{"/api/ring", "/healthz", "/"} {
			if r := ask(s, "GET", path, "", host(name)); r.StatusCode != want {
				t.Errorf("Host %q, %s: %d, want %d", name, path, r.StatusCode, want)
			}
		}
	}
}

func TestCrossOrigin(t *testing.T) {
	for _, open := range []bool{true, false} {
		s, control := newServer(t, func(c *Config) { c.Open, c.Token = open, secretToken })
		auth := header("Authorization", "Bearer "+secretToken)
		for _, test := range []struct {
			method, path string
			with         func(*http.Request)
			want         int
		}{
			{"POST", "/api/nodes", header("Origin", "http://evil.example"), 403},
			{"POST", "/api/nodes", header("Origin", "null"), 403},
			{"POST", "/api/nodes", header("Origin", "http://127.0.0.1:9999"), 403},
			{"POST", "/api/nodes", header("Sec-Fetch-Site", "cross-site"), 403},
			{"PUT", "/api/keys/k", header("Sec-Fetch-Site", "same-site"), 403},
			{"DELETE", "/api/partitions", header("Origin", "http://evil.example"), 403},
			{"POST", "/api/nodes", header("Origin", "http://127.0.0.1:4321"), 202},
			{"POST", "/api/nodes", header("Sec-Fetch-Site", "same-origin"), 202},
			{"POST", "/api/nodes", header("User-Agent", "curl"), 202},
			{"GET", "/ws", header("Origin", "http://evil.example"), 403},
			{"GET", "/ws", header("Origin", "http://127.0.0.1:9999"), 403},
			{"GET", "/ws", header("Origin", "http://127.0.0.1:4321"), 101},
			{"GET", "/ws", header("User-Agent", "tool"), 101},
		} {
			control.calls = nil
			r := ask(s, test.method, test.path, "", test.with, auth)
			if r.StatusCode != test.want {
				t.Errorf("open %v: %s %s: %d, want %d", open, test.method, test.path, r.StatusCode, test.want)
			}
			if test.want == 403 && len(control.calls) > 0 {
				t.Errorf("%s %s was carried out", test.method, test.path)
			}
		}
	}
}

func TestToken(t *testing.T) {
	s, _ := newServer(t, func(c *Config) { c.Open, c.Token = false, secretToken })
	protocol := func(token string) string {
		return "chord.v1, chord-token." + base64.RawURLEncoding.EncodeToString([]byte(token))
	}
	for _, test := range []struct {
		path string
		with func(*http.Request)
		want int
	}{
		{"/api/ring", header("X", "y"), 401},
		{"/api/ring", header("Authorization", "Bearer "+secretToken), 200},
		{"/api/ring", header("Authorization", "Bearer "+secretToken+"x"), 401},
		{"/api/ring", header("Authorization", "Bearer "), 401},
		{"/api/ring", header("Authorization", secretToken), 401},
		{"/api/ring?token=" + secretToken, header("X", "y"), 401}, // a URL ends up in logs
		{"/api/ring", header("Sec-WebSocket-Protocol", protocol(secretToken)), 401},
		{"/api/nothing", header("X", "y"), 401},
		{"/ws", header("X", "y"), 401},
		{"/ws", header("Sec-WebSocket-Protocol", protocol(secretToken)), 101},
		{"/ws", header("Sec-WebSocket-Protocol", protocol("wrong")), 401},
		{"/ws", header("Sec-WebSocket-Protocol", "chord-token.%%%"), 401},
		{"/ws", header("Authorization", "Bearer "+secretToken), 101},
		{"/healthz", header("X", "y"), 200},
		{"/readyz", header("X", "y"), 200},
		{"/", header("X", "y"), 200},
	} {
		r := ask(s, "GET", test.path, "", test.with)
		if r.StatusCode != test.want {
			t.Errorf("%s: %d, want %d", test.path, r.StatusCode, test.want)
		}
		if test.want == 401 && r.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: no WWW-Authenticate", test.path)
		}
	}
	empty, _ := newServer(t, func(c *Config) { c.Open, c.Token = false, "" })
	if r := ask(empty, "GET", "/api/ring", "", header("Authorization", "Bearer ")); r.StatusCode != 401 {
		t.Errorf("a server without a token accepts an empty one: %d", r.StatusCode)
	}
}

func TestHeaders(t *testing.T) {
	s, _ := newServer(t, func(c *Config) { c.TLS = &tls.Config{} })
	for _, path := range []string{"/", "/api/ring", "/api/nothing"} {
		h := ask(s, "GET", path, "").Header
		for name, want := range map[string]string{
			"Content-Security-Policy":      "default-src 'none'",
			"X-Content-Type-Options":       "nosniff",
			"X-Frame-Options":              "DENY",
			"Referrer-Policy":              "no-referrer",
			"Cross-Origin-Opener-Policy":   "same-origin",
			"Cross-Origin-Resource-Policy": "same-origin",
			"Strict-Transport-Security":    "max-age=",
		} {
			if !strings.HasPrefix(h.Get(name), want) {
				t.Errorf("%s: %s is %q, want %q", path, name, h.Get(name), want)
			}
		}
	}
	if csp := ask(s, "GET", "/", "").Header.Get("Content-Security-Policy"); strings.Contains(csp, "'unsafe-eval'") || strings.Contains(csp, "script-src 'self' 'unsafe-inline'") {
		t.Errorf("scripts from anywhere: %s", csp)
	}
	if csp := ask(s, "GET", "/api/keys/k", "").Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "sandbox") {
		t.Errorf("a stored value is not sandboxed: %s", csp)
	}
}

func TestPanicIsNotShown(t *testing.T) {
	s, _ := newServer(t, func(c *Config) {
		c.Hub = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("inner secret") })
	})
	r := ask(s, "GET", "/ws", "")
	if got := complaint(t, r); r.StatusCode != 500 || strings.Contains(got, "secret") {
		t.Errorf("%d %s", r.StatusCode, got)
	}
}

func TestAssets(t *testing.T) {
	s, _ := newServer(t, nil)
	index := ask(s, "GET", "/", "")
	if got := text(t, index); !strings.Contains(got, "<title>Chord") || index.Header.Get("Cache-Control") != "no-cache" {
		t.Errorf("index: %q %v", got, index.Header)
	}
	tag := index.Header.Get("ETag")
	if r := ask(s, "GET", "/index.html", "", header("If-None-Match", tag)); r.StatusCode != http.StatusNotModified {
		t.Errorf("with its tag: %d", r.StatusCode)
	}
	plain := ask(s, "GET", "/assets/app-1a2b.js", "")
	packed := ask(s, "GET", "/assets/app-1a2b.js", "", header("Accept-Encoding", "br, gzip"))
	if plain.Header.Get("Content-Encoding") != "" || packed.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("encodings: %q %q", plain.Header.Get("Content-Encoding"), packed.Header.Get("Content-Encoding"))
	}
	if a, b := len(text(t, plain)), len(text(t, packed)); b*5 > a {
		t.Errorf("packed %d of %d bytes", b, a)
	}
	if got := packed.Header.Get("Cache-Control"); !strings.Contains(got, "immutable") {
		t.Errorf("hashed file: %q", got)
	}
	if got := packed.Header.Get("Content-Type"); got != "text/javascript; charset=utf-8" {
		t.Errorf("type %q", got)
	}
	if r := ask(s, "GET", "/assets/app-1a2b.js", "", header("Accept-Encoding", "gzip;q=0")); r.Header.Get("Content-Encoding") != "" {
		t.Error("gzip to a client that refuses it")
	}
	if r := ask(s, "POST", "/", ""); r.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST /: %d", r.StatusCode)
	}
}

func TestLargeAnswersArePacked(t *testing.T) {
	s, _ := newServer(t, nil)
	r := ask(s, "GET", "/api/scenarios", "", header("Accept-Encoding", "gzip"))
	if r.Header.Get("Content-Encoding") != "gzip" || r.Header.Get("Vary") != "Accept-Encoding" {
		t.Errorf("headers: %v", r.Header)
	}
}
