package web

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"chordconductor/conductor/audit"
	"chordconductor/conductor/lab/deploy"
)

const viewToken = "a view token"

// apiPaths lists every path of the API, with a request body.
var apiPaths = map[string]string{
	"/api/ring": "", "/api/ring/nodes/b0": "", "/api/events": "", "/api/stats": "", "/api/lookups": `{"key": "k"}`, "/api/audit": "",
	"/api/nodes": "", "/api/nodes/b0/leave": "", "/api/nodes/b0/crash": "", "/api/nodes/b0/pause": "", "/api/partitions": `{"groups": [["b0"]]}`,
	"/api/keys/k": "v", "/api/keys/a/b": "v", "/api/keys/": "", "/api/keys": "", "/api/workload": `{"rate": 1}`, "/api/scenarios": "",
	"/api/simulation": "name: x\n", "/api/simulation/report": "", "/api/replay": "{}", "/api/replay/step": "{}", "/api/nothing": "",
}

// The view token permits reading everything that the token does, except stored values and the audit log, and permits no
// command, by any method on any path.
func TestViewToken(t *testing.T) {
	s, control := newServer(t, func(c *Config) {
		c.Open, c.Token, c.ViewToken = false, secretToken, viewToken
		c.Audit, _ = audit.Open("", nil)
	})
	with := func(token string) func(*http.Request) { return header("Authorization", "Bearer "+token) }
	for path, body := range apiPaths {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"} {
			control.calls = nil
			viewed := ask(s, method, path, body, with(viewToken))
			if len(control.calls) > 0 {
				t.Fatalf("%s %s was carried out: %v", method, path, control.calls)
			}
			looks := (method == "GET" || method == "HEAD") && !strings.HasPrefix(path, "/api/keys") && path != "/api/audit"
			if !looks && viewed.StatusCode != http.StatusForbidden {
				t.Errorf("%s %s with the view token: %d", method, path, viewed.StatusCode)
			}
			commanded := ask(s, method, path, body, with(secretToken))
			if looks && viewed.StatusCode != commanded.StatusCode {
				t.Errorf("%s %s: %d with the view token, %d with the token", method, path, viewed.StatusCode, commanded.StatusCode)
			}
			if commanded.StatusCode == http.StatusForbidden || commanded.StatusCode == http.StatusUnauthorized {
				t.Errorf("%s %s with the token: %d", method, path, commanded.StatusCode)
			}
			if r := ask(s, method, path, body, with("neither")); r.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s %s with neither: %d", method, path, r.StatusCode)
			}
		}
	}
	if r := ask(s, "POST", "/api/scenarios/check", "name: x\n", with(viewToken)); r.StatusCode != http.StatusOK {
		t.Errorf("a check, which changes nothing: %d", r.StatusCode)
	}
	for _, path := range []string{"/api//nodes", "/api/./nodes", "/api/x/../nodes", "//api/nodes", "/API/nodes", "/api/nodes/"} { // another spelling does not bypass the check
		control.calls = nil
		ask(s, "POST", path, "", with(viewToken))
		if len(control.calls) > 0 {
			t.Errorf("POST %s was carried out", path)
		}
	}
	empty, _ := newServer(t, func(c *Config) { c.Open, c.Token = false, secretToken })
	if r := ask(empty, "GET", "/api/ring", "", header("Authorization", "Bearer ")); r.StatusCode != http.StatusUnauthorized {
		t.Errorf("no view token, and an empty one given: %d", r.StatusCode)
	}
}

// The WebSocket's handler gets the grant of its client.
func TestViewTokenOnTheWebSocket(t *testing.T) {
	var may bool
	hub := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		may = MayCommand(r.Context())
		w.WriteHeader(http.StatusSwitchingProtocols)
	})
	for _, open := range []bool{false, true} {
		s, _ := newServer(t, func(c *Config) { c.Open, c.Token, c.ViewToken, c.Hub = open, secretToken, viewToken, hub })
		for token, want := range map[string]bool{secretToken: true, viewToken: open} {
			for _, with := range []func(*http.Request){
				header("Authorization", "Bearer "+token),
				header("Sec-WebSocket-Protocol", "chord.v1, chord-token."+base64.RawURLEncoding.EncodeToString([]byte(token))),
			} {
				may = !want
				if r := ask(s, "GET", "/ws", "", with); r.StatusCode != http.StatusSwitchingProtocols || may != want {
					t.Errorf("open %v, token %q: %d, may command %v", open, token, r.StatusCode, may)
				}
			}
		}
	}
}

// Every command is recorded with its credential, origin and result, whether it was carried out, rejected or failed;
// reads are not, nor are values and tokens.
func TestAuditLog(t *testing.T) {
	log, err := audit.Open("", nil)
	if err != nil {
		t.Fatal(err)
	}
	s, control := newServer(t, func(c *Config) { c.Open, c.Token, c.ViewToken, c.Audit = false, secretToken, viewToken, log })
	from := func(r *http.Request) { r.RemoteAddr = "192.0.2.7:5555" }
	for _, test := range []struct {
		method, path, body, token string
		fail                      error
		want                      *audit.Entry // nil: not on record
	}{
		{"POST", "/api/nodes", `{"count": 2}`, secretToken, nil, &audit.Entry{Who: "token", What: "POST /api/nodes", Detail: `{"count": 2}`, Status: 202}},
		{"POST", "/api/nodes/b0/crash", "", secretToken, deploy.ErrUnknown, &audit.Entry{Who: "token", What: "POST /api/nodes/b0/crash", Status: 404, Error: "unknown"}},
		{"POST", "/api/nodes", `{"count": "two"}`, secretToken, nil, &audit.Entry{Who: "token", What: "POST /api/nodes", Detail: `{"count": "two"}`, Status: 400}},
		{"POST", "/api/nodes", "", viewToken, nil, &audit.Entry{Who: "view token", What: "POST /api/nodes", Status: 403}},
		{"PUT", "/api/keys/k?ttl=1h", "a private value", secretToken, nil, &audit.Entry{Who: "token", What: "PUT /api/keys/k?ttl=1h", Status: 200}},
		{"GET", "/api/keys/k", "", secretToken, nil, &audit.Entry{Who: "token", What: "GET /api/keys/k", Status: 200}},
		{"DELETE", "/api/partitions", "", secretToken, nil, &audit.Entry{Who: "token", What: "DELETE /api/partitions", Status: 202}},
		{"POST", "/api/nodes", "", "wrong", nil, nil}, // requests without a token must not be able to fill the record
		{"GET", "/api/ring", "", secretToken, nil, nil},
		{"GET", "/api/audit", "", secretToken, nil, nil},
		{"POST", "/api/scenarios/check", "name: x\n", secretToken, nil, nil},
	} {
		before, _ := log.Last(100)
		control.fail = test.fail
		r := ask(s, test.method, test.path, test.body, header("Authorization", "Bearer "+test.token), from)
		after, _ := log.Last(100)
		name := fmt.Sprintf("%s %s: %d", test.method, test.path, r.StatusCode)
		if test.want == nil {
			if len(after) != len(before) {
				t.Errorf("%s is on record: %+v", name, after[0])
			}
			continue
		}
		if len(after) != len(before)+1 {
			t.Errorf("%s is not on record", name)
			continue
		}
		got, want := after[0], *test.want
		if got.Who != want.Who || got.What != want.What || got.Detail != want.Detail || got.Status != want.Status || got.From != "192.0.2.7:5555" || got.Time.IsZero() {
			t.Errorf("%s: %+v", name, got)
		}
		if (want.Status >= 400) != (got.Error != "") || !strings.Contains(got.Error, want.Error) {
			t.Errorf("%s: error %q", name, got.Error)
		}
	}
	r := ask(s, "GET", "/api/audit?limit=3", "", header("Authorization", "Bearer "+secretToken))
	var shown struct {
		Commands []audit.Entry
		Lost     uint64 `json:"not_on_disk"`
	}
	body := text(t, r)
	if err := json.Unmarshal([]byte(body), &shown); err != nil || len(shown.Commands) != 3 || shown.Commands[0].What != "DELETE /api/partitions" {
		t.Errorf("GET /api/audit: %d %s", r.StatusCode, body)
	}
	all, err := json.Marshal(func() any { e, _ := log.Last(100); return e }())
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{secretToken, viewToken, "a private value"} {
		if strings.Contains(string(all), secret) {
			t.Errorf("the record has %q", secret)
		}
	}
}

// A command whose handler panics is recorded, too.
func TestAuditOfAPanic(t *testing.T) {
	log, err := audit.Open("", nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{cfg: Config{Open: true, Audit: log, Logf: t.Logf}}
	r := httptest.NewRequest("POST", "/api/nodes", nil)
	r.Host = "localhost"
	s.guard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("broken") })).ServeHTTP(httptest.NewRecorder(), r)
	got, _ := log.Last(1)
	if len(got) != 1 || got[0].Status != http.StatusInternalServerError || got[0].Who != "loopback" {
		t.Errorf("%+v", got)
	}
}
