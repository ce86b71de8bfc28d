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
)

// `docker compose up` with the unmodified file: all services but Grafana, whose image the test machines cannot get.
func TestCompose(t *testing.T) {
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

	c := &conductor{http: "127.0.0.1:4321", token: "chord-demo"}
	c.ready(t)
	c.settles(t, 32, "ideal", 60*time.Second)

	t.Run("the API asks for the token", func(t *testing.T) {
		without := &conductor{http: c.http}
		if status, body := without.call("POST", "/api/nodes", []byte(`{"count":1}`)); status != http.StatusUnauthorized {
			t.Errorf("POST /api/nodes without the token: %d %s", status, body)
		}
	})

	t.Run("gets and puts flow without a click", func(t *testing.T) {
		eventually(t, 20*time.Second, "gets and puts in the last second", func() error {
			var stats struct {
				Samples []struct {
					Gets float64 `json:"gets_per_second"`
					Puts float64 `json:"puts_per_second"`
				}
			}
			status, body := c.call("GET", "/api/stats", nil)
			if err := json.Unmarshal([]byte(body), &stats); status != http.StatusOK || err != nil {
				return fmt.Errorf("GET /api/stats: %d %v", status, err)
			}
			if n := len(stats.Samples); n == 0 || stats.Samples[n-1].Gets == 0 || stats.Samples[n-1].Puts == 0 {
				return fmt.Errorf("no gets or no puts in the last of %d samples", n)
			}
			return nil
		})
	})

	t.Run("keys", func(t *testing.T) {
		if status, body := c.call("PUT", "/api/keys/harbour", []byte("light")); status/100 != 2 {
			t.Fatalf("PUT /api/keys/harbour: %d %s", status, body)
		}
		if status, body := c.call("GET", "/api/keys/harbour", nil); status != http.StatusOK || body != "light" {
			t.Errorf("GET /api/keys/harbour: %d %s", status, body)
		}
	})

	t.Run("a lookup is one trace in Jaeger", func(t *testing.T) {
		eventually(t, 40*time.Second, "a nested lookup of two hops or more", func() error {
			if status, body := c.call("POST", "/api/lookups", []byte(`{"key":"harbour `+fmt.Sprint(time.Now().UnixNano())+`"}`)); status/100 != 2 {
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
	})

	t.Run("metrics are in Prometheus", func(t *testing.T) {
		eventually(t, 60*time.Second, "32 members in Prometheus", func() error {
			value, err := promValue("http://127.0.0.1:9090", `sum(chord_ring_members{chord_member_status="active"})`)
			if err != nil {
				return err
			}
			if value != "32" {
				return fmt.Errorf("value %s", value)
			}
			return nil
		})
	})

	t.Run("Jaeger shows the service's performance", func(t *testing.T) {
		eventually(t, 60*time.Second, "rate and latency of lookups", func() error { return servicePerformance("http://127.0.0.1:16686") })
	})

	t.Run("a command reaches a remote host", func(t *testing.T) {
		if status, body := c.call("POST", "/api/nodes", []byte(`{"count":2}`)); status != http.StatusAccepted {
			t.Fatalf("POST /api/nodes: %d %s", status, body)
		}
		c.settles(t, 34, "ideal", 60*time.Second)
	})

	t.Run("a killed container is seen by its neighbours", func(t *testing.T) {
		ids := strings.Fields(must("ps", "-q", "node"))
		if len(ids) != 3 {
			t.Fatalf("%d node containers", len(ids))
		}
		before, err := c.ring()
		if err != nil {
			t.Fatal(err)
		}
		// Not `docker stop --time 0`: between its SIGTERM and its SIGKILL a host may have left.
		if out, err := exec.Command(docker, "kill", ids[1]).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		eventually(t, 30*time.Second, "its members are failed", func() error {
			r, err := c.ring()
			if err != nil {
				return err
			}
			if r.with("failed") < 8 {
				return fmt.Errorf("%d failed", r.with("failed"))
			}
			return nil
		})
		eventually(t, 60*time.Second, "the rest is ideal", func() error {
			r, err := c.ring()
			if err != nil {
				return err
			}
			if r.Status != "ideal" || r.with("active") >= before.with("active") {
				return fmt.Errorf("%s, %d active", r.Status, r.with("active"))
			}
			return nil
		})
		if out, err := exec.Command(docker, "start", ids[1]).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		eventually(t, 60*time.Second, "it is back", func() error {
			r, err := c.ring()
			if err != nil {
				return err
			}
			if r.Status != "ideal" || r.with("active") < before.with("active")-2 {
				return fmt.Errorf("%s, %d active", r.Status, r.with("active"))
			}
			return nil
		})
	})

	t.Run("--scale node=10", func(t *testing.T) { composeScales(t, c, must) })
	t.Run("profile chaos", func(t *testing.T) { composeChaos(t, c, docker, must) })
}
