package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chordconductor/test/internal/polltest"
)

// TestCompose runs `docker compose up` with the unmodified file: all services except Grafana, whose image the test
// machines cannot get. Each step begins with the ring that the step before it has left.
func TestCompose(t *testing.T) {
	s := composeUp(t)
	for _, step := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"the API asks for the token", s.tokenIsRequired},
		{"gets and puts flow without a click", s.loadFlows},
		{"keys", s.keys},
		{"a lookup is one trace in Jaeger", s.lookupIsOneTrace},
		{"metrics are in Prometheus", s.metricsArrive},
		{"Jaeger shows the service's performance", func(t *testing.T) {
			polltest.Passes(t, 60*time.Second, "rate and latency of lookups", func() error { return servicePerformance("http://127.0.0.1:16686") })
		}},
		{"a command reaches a remote host", s.commandReachesHost},
		{"a killed container is seen by its neighbours", s.killIsSeen},
		{"--scale node=10", func(t *testing.T) { composeScales(t, s.c, s.must) }},
		{"profile chaos", func(t *testing.T) { composeChaos(t, s.c, s.docker, s.must) }},
	} {
		t.Run(step.name, step.run)
	}
}

// services are the running services of the Compose file, with the conductor among them.
type services struct {
	c      *conductor
	docker string
	must   func(args ...string) string // runs docker compose, or fails the whole test
}

func composeUp(t *testing.T) *services {
	t.Helper()
	dir, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	docker := onPath(t, "docker")
	compose := func(args ...string) (string, error) {
		cmd := exec.Command(docker, append([]string{"compose"}, args...)...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			return string(out), fmt.Errorf("docker compose %s: %v\n%s", strings.Join(args, " "), err, tail(string(out), 3000))
		}
		return string(out), nil
	}
	must := func(args ...string) string {
		t.Helper()
		out, err := compose(args...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}

	must("config", "--quiet")
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := compose("logs", "--no-color", "--tail", "30")
			t.Log(out)
		}
		if out, err := compose("--profile", "*", "down", "-v", "--timeout", "30"); err != nil {
			t.Error(err, out)
		}
		left, err := exec.Command(docker, "volume", "ls", "-q", "--filter", "label=com.docker.compose.project=chord").Output()
		if err != nil || len(left) > 0 {
			t.Errorf("`down -v` left volumes: %s %v", left, err)
		}
	})
	must("up", "--build", "--wait", "--wait-timeout", "180", "conductor", "seed", "node", "jaeger", "prometheus")

	s := &services{c: &conductor{http: "127.0.0.1:4321", token: "chord-demo"}, docker: docker, must: must}
	s.c.ready(t)
	s.c.settles(t, 32, "ideal", 60*time.Second)
	return s
}

func (s *services) tokenIsRequired(t *testing.T) {
	without := &conductor{http: s.c.http}
	if status, body := without.call("POST", "/api/nodes", []byte(`{"count":1}`)); status != http.StatusUnauthorized {
		t.Errorf("POST /api/nodes without the token: %d %s", status, body)
	}
}

func (s *services) loadFlows(t *testing.T) {
	polltest.Passes(t, 20*time.Second, "gets and puts in the last second", func() error {
		var stats struct {
			Samples []struct {
				Gets float64 `json:"gets_per_second"`
				Puts float64 `json:"puts_per_second"`
			}
		}
		status, body := s.c.call("GET", "/api/stats", nil)
		if err := json.Unmarshal([]byte(body), &stats); status != http.StatusOK || err != nil {
			return fmt.Errorf("GET /api/stats: %d %v", status, err)
		}
		if n := len(stats.Samples); n == 0 || stats.Samples[n-1].Gets == 0 || stats.Samples[n-1].Puts == 0 {
			return fmt.Errorf("no gets or no puts in the last of %d samples", n)
		}
		return nil
	})
}

func (s *services) keys(t *testing.T) {
	if status, body := s.c.call("PUT", "/api/keys/harbour", []byte("light")); status/100 != 2 {
		t.Fatalf("PUT /api/keys/harbour: %d %s", status, body)
	}
	if status, body := s.c.call("GET", "/api/keys/harbour", nil); status != http.StatusOK || body != "light" {
		t.Errorf("GET /api/keys/harbour: %d %s", status, body)
	}
}

func (s *services) lookupIsOneTrace(t *testing.T) {
	polltest.Passes(t, 40*time.Second, "a nested lookup of two hops or more", func() error {
		if status, body := s.c.call("POST", "/api/lookups", []byte(`{"key":"harbour `+fmt.Sprint(time.Now().UnixNano())+`"}`)); status/100 != 2 {
			return fmt.Errorf("POST /api/lookups: %d %s", status, body)
		}
		traces, err := jaegerTraces("http://127.0.0.1:16686", "/api/traces?service=chord-node&operation=chord.lookup&limit=50")
		if err != nil {
			return err
		}
		for _, tr := range traces {
			if hops, err := hopsNest(tr); err == nil && hops >= 2 {
				return nil
			}
		}
		return fmt.Errorf("none of %d traces", len(traces))
	})
}

func (s *services) metricsArrive(t *testing.T) {
	polltest.Passes(t, 60*time.Second, "32 members in Prometheus", func() error {
		value, err := promValue("http://127.0.0.1:9090", `sum(chord_ring_members{chord_member_status="active"})`)
		if err != nil {
			return err
		}
		if value != "32" {
			return fmt.Errorf("value %s", value)
		}
		return nil
	})
}

func (s *services) commandReachesHost(t *testing.T) {
	if status, body := s.c.call("POST", "/api/nodes", []byte(`{"count":2}`)); status != http.StatusAccepted {
		t.Fatalf("POST /api/nodes: %d %s", status, body)
	}
	s.c.settles(t, 34, "ideal", 60*time.Second)
}

func (s *services) killIsSeen(t *testing.T) {
	ids := strings.Fields(s.must("ps", "-q", "node"))
	if len(ids) != 3 {
		t.Fatalf("%d node containers", len(ids))
	}
	before, err := s.c.ring()
	if err != nil {
		t.Fatal(err)
	}
	// Not `docker stop --time 0`: between its SIGTERM and its SIGKILL a host may have left.
	if out, err := exec.Command(s.docker, "kill", ids[1]).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	polltest.Passes(t, 30*time.Second, "its members are failed", func() error {
		r, err := s.c.ring()
		if err != nil {
			return err
		}
		if r.with("failed") < 8 {
			return fmt.Errorf("%d failed", r.with("failed"))
		}
		return nil
	})
	polltest.Passes(t, 60*time.Second, "the rest is ideal", func() error {
		r, err := s.c.ring()
		if err != nil {
			return err
		}
		if r.Status != "ideal" || r.with("active") >= before.with("active") {
			return fmt.Errorf("%s, %d active", r.Status, r.with("active"))
		}
		return nil
	})
	if out, err := exec.Command(s.docker, "start", ids[1]).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	polltest.Passes(t, 60*time.Second, "it is back", func() error {
		r, err := s.c.ring()
		if err != nil {
			return err
		}
		if r.Status != "ideal" || r.with("active") < before.with("active")-2 {
			return fmt.Errorf("%s, %d active", r.Status, r.with("active"))
		}
		return nil
	})
}
