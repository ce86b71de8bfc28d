package web

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Every path below /api, and /api itself, answers in JSON: no redirect, and no page.
func TestErrorsAreJSON(t *testing.T) {
	s, _ := newServer(t, nil)
	part := rapid.SampledFrom([]string{"", "api", "ring", "nodes", "0a", "..", ".", "keys", "a%2fb", "nothing", "%2e%2e", "openapi.json", "ä"})
	check := func(t interface {
		Errorf(string, ...any)
		Helper()
	}, method, path string) {
		t.Helper()
		r := ask(s, method, path, "")
		if r.StatusCode >= 300 && r.Header.Get("Content-Type") != jsonType || r.StatusCode >= 300 && r.StatusCode < 400 {
			t.Errorf("%s %s: %d as %s", method, path, r.StatusCode, r.Header.Get("Content-Type"))
		}
	}
	for _, path := range []string{"/api", "/api/", "/api?x=1", "/api/ring/", "/api/keys", "/api/keys/", "/api/nodes/0a", "/api//ring", "/api/.."} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"} {
			check(t, method, path)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		path := "/api"
		for range rapid.IntRange(0, 4).Draw(t, "parts") {
			path += "/" + part.Draw(t, "part")
		}
		check(t, rapid.SampledFrom([]string{"GET", "POST", "PUT", "DELETE"}).Draw(t, "method"), path)
	})
}

// The stream's errors are JSON, too, although a library writes them: for a client that does not request a WebSocket,
// and for one client too many.
func TestErrorsOfTheStreamAreJSON(t *testing.T) {
	for code, text := range map[int]string{426: "WebSocket protocol violation", 403: "request Origin is not authorized", 503: "too many clients"} {
		s, err := New(Config{Source: fakeSource{}, Assets: page, Open: true, Hub: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, text, code)
		})})
		if err != nil {
			t.Fatal(err)
		}
		r := ask(s, "GET", "/ws", "")
		var body struct{ Error string }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || r.StatusCode != code || body.Error != text || r.Header.Get("Content-Type") != jsonType {
			t.Errorf("%d as %s: %v %q", r.StatusCode, r.Header.Get("Content-Type"), err, body.Error)
		}
	}
}

// A body of text must be UTF-8. A body with another declared charset, a compressed one, or one that is not text is
// rejected, and nothing is done.
func TestCharsets(t *testing.T) {
	for _, test := range []struct {
		kind, packing, body string
		code                int
	}{
		{"application/json", "", `{}`, http.StatusAccepted},
		{"application/json; charset=utf-8", "", `{}`, http.StatusAccepted},
		{`application/json; charset="UTF-8"`, "", `{}`, http.StatusAccepted},
		{"text/plain; charset=US-ASCII", "identity", `{}`, http.StatusAccepted},
		{"", "", `{}`, http.StatusAccepted},
		{"application/json; charset=utf-16", "", "{}", http.StatusUnsupportedMediaType},
		{"application/json; charset=utf-16", "", "\xff\xfe{\x00}\x00", http.StatusUnsupportedMediaType},
		{"application/json; charset=iso-8859-1", "", `{}`, http.StatusUnsupportedMediaType},
		{"application/json", "gzip", `{}`, http.StatusUnsupportedMediaType},
		{"application/json", "", "{\"host\": \"\xff\"}", http.StatusBadRequest},
	} {
		s, control := newServer(t, nil)
		r := ask(s, "POST", "/api/nodes", test.body, header("Content-Type", test.kind), header("Content-Encoding", test.packing))
		if r.StatusCode != test.code || (len(control.calls) > 0) != (test.code == http.StatusAccepted) {
			t.Errorf("%q, %q, %q: %d, did %v: %s", test.kind, test.packing, test.body, r.StatusCode, control.calls, text(t, r))
		}
		for _, path := range []string{"/api/scenarios/check", "/api/simulation"} {
			r := ask(s, "POST", path, "name: x\n", header("Content-Type", strings.Replace(test.kind, "json", "yaml", 1)), header("Content-Encoding", test.packing))
			if refused := r.StatusCode == http.StatusUnsupportedMediaType; refused != (test.code == http.StatusUnsupportedMediaType) {
				t.Errorf("%s of %q, %q: %d", path, test.kind, test.packing, r.StatusCode)
			}
		}
	}
}
