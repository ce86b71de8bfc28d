package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"chordconductor/test/internal/polltest"
)

// TestDemoRing runs the first command of the README: 32 members in one process, known to the view only through OTLP.
func TestDemoRing(t *testing.T) {
	c := startConductor(t)
	r := c.settles(t, 32, "ideal", 60*time.Second)

	polltest.Passes(t, 20*time.Second, "keys on the ring", func() error {
		r, err := c.ring()
		if err != nil {
			return err
		}
		keys := 0
		for _, n := range r.Nodes {
			keys += n.Keys
		}
		if keys == 0 {
			return fmt.Errorf("no member owns a key")
		}
		return nil
	})

	polltest.Passes(t, 20*time.Second, "lookups with hops", func() error {
		_, body := c.call("GET", "/api/lookups", nil)
		var answer struct {
			Lookups []struct {
				TraceID string            `json:"trace_id"`
				Hops    []json.RawMessage `json:"hops"`
			} `json:"lookups"`
		}
		if err := json.Unmarshal([]byte(body), &answer); err != nil {
			return fmt.Errorf("%v in %s", err, tail(body, 300))
		}
		for _, l := range answer.Lookups {
			if len(l.Hops) >= 3 && len(l.TraceID) == 32 {
				return nil
			}
		}
		return fmt.Errorf("none of %d lookups has three hops", len(answer.Lookups))
	})

	t.Run("add, leave, crash", func(t *testing.T) {
		status, body := c.call("POST", "/api/nodes", []byte(`{"count":2}`))
		if status != http.StatusAccepted {
			t.Fatalf("POST /api/nodes: %d %s", status, body)
		}
		c.settles(t, 34, "ideal", 30*time.Second)

		leaver, victim := r.Nodes[3].ID, r.Nodes[17].ID
		if status, body := c.call("POST", "/api/nodes/"+leaver+"/leave", nil); status != http.StatusAccepted {
			t.Fatalf("leave: %d %s", status, body)
		}
		polltest.Passes(t, 20*time.Second, "the leaver has left", func() error {
			return hasStatus(c, leaver, "left")
		})
		if status, body := c.call("POST", "/api/nodes/"+victim+"/crash", nil); status != http.StatusAccepted {
			t.Fatalf("crash: %d %s", status, body)
		}
		polltest.Passes(t, 20*time.Second, "the crashed one is failed", func() error {
			return hasStatus(c, victim, "failed")
		})
		c.settles(t, 32, "ideal", 30*time.Second)
	})

	t.Run("bad input", func(t *testing.T) { badAPIInput(t, c) })

	code, took := c.stop(10 * time.Second)
	t.Logf("ended in %v", took)
	if code != 0 || took > 5*time.Second {
		t.Errorf("SIGINT: exit %d after %v; want 0 within 5 s", code, took)
	}
	if out := strings.ToLower(c.out.String()); strings.Contains(out, "error") || strings.Contains(out, "panic") {
		t.Errorf("an error was printed:\n%s", tail(c.out.String(), 3000))
	}
}

func hasStatus(c *conductor, id, want string) error {
	r, err := c.ring()
	if err != nil {
		return err
	}
	// The view may already have removed a member that left or failed, which is right as well.
	if got := r.statusOf(id); got != want {
		return fmt.Errorf("member %s is %q", id, got)
	}
	return nil
}

func badAPIInput(t *testing.T, c *conductor) {
	for _, test := range []struct {
		method, path, body string
		status             int
	}{
		{"POST", "/api/nodes/00000000000000000000000000000000000000aa/crash", "", http.StatusNotFound},
		{"POST", "/api/nodes/zz/leave", "", http.StatusBadRequest},
		{"GET", "/api/ring/nodes/00000000000000000000000000000000000000aa", "", http.StatusNotFound},
		{"POST", "/api/nodes", `{"count":`, http.StatusBadRequest},
		{"POST", "/api/nodes", `{"count":-3}`, http.StatusBadRequest},
		{"POST", "/api/nodes", `{"cuont":3}`, http.StatusBadRequest},
		{"PATCH", "/api/nodes", `{}`, http.StatusMethodNotAllowed},
		{"GET", "/api/nothing", "", http.StatusNotFound},
	} {
		status, body := c.call(test.method, test.path, []byte(test.body))
		var answer struct {
			Error string `json:"error"`
		}
		if err := json.Unmarshal([]byte(body), &answer); status != test.status || err != nil || answer.Error == "" {
			t.Errorf("%s %s %s: %d %s; want %d and {\"error\": …}", test.method, test.path, test.body, status, body, test.status)
		}
	}
}
