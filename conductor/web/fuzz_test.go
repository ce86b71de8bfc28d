package web

import (
	"net/http"
	"testing"
)

// FuzzBodies sends bodies and queries of any kind to all commands: no handler panics, which would be answered with 500,
// and every error is reported as the sender's.
func FuzzBodies(f *testing.F) {
	routes := []struct{ method, path string }{
		{http.MethodPost, "/api/nodes"}, {http.MethodPost, "/api/nodes/01/pause"}, {http.MethodPost, "/api/partitions"},
		{http.MethodPut, "/api/keys/k"}, {http.MethodPost, "/api/lookups"}, {http.MethodPut, "/api/workload"},
		{http.MethodPost, "/api/scenarios/check"}, {http.MethodPost, "/api/simulation"}, {http.MethodPut, "/api/replay"},
		{http.MethodPost, "/api/replay/step"}, {http.MethodGet, "/api/events"}, {http.MethodGet, "/api/ring"},
	}
	for i, body := range []string{
		`{"count":4,"host":"127.0.0.1:7001"}`, `{"for":"10s"}`, `{"groups":[["01"],["02"]]}`, "\xff\x00", `{"key":"tide","from":"01","mode":"recursive"}`,
		`{"rate":500,"reads":0.5}`, "name: x\n", `{"name":"x"}`, `{"paused":true,"speed":0.5}`, `{"events":1}`, `after=1&limit=5`, `at=2026-01-31T12:00:00Z`,
		`[[[[[[[[`, `{"a":`, "null", "",
	} {
		f.Add(byte(i), body)
	}
	f.Fuzz(func(t *testing.T, which byte, body string) {
		s, _ := newServer(t, nil)
		route := routes[int(which)%len(routes)]
		answer := ask(s, route.method, route.path, body, func(r *http.Request) { r.URL.RawQuery = body })
		if answer.StatusCode == http.StatusInternalServerError {
			t.Errorf("%s %s with %q: status %d: %s", route.method, route.path, body, answer.StatusCode, text(t, answer))
		}
	})
}
