package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"chordconductor/test/internal/polltest"
)

// onHosts is a scenario with every kind of phase that node hosts support.
const onHosts = `name: on-hosts
network: {latency: 1ms, jitter: 1ms}
workload: {rate: 20/s, keys: 200}
phases:
  - {at: 2s, join: 2}
  - {at: 8s, crash: 2, adjacent: true}
  - {at: 18s, partition: {fraction: 0.3}, for: 4s}
  - {at: 34s, pause: 1, for: 3s}
  - {at: 48s, telemetry_outage: {fraction: 0.3}, for: 4s}
  - {at: 54s, leave: 2}
duration: 65s
expect: {lost_keys: 0, final_ring_error: 0}
`

// A scenario without its own ring runs on node processes, which the conductor knows by their telemetry and commands with
// a token. At the scenario's end all faults are over, although other hosts took a paused host's members for dead.
func TestScenarioOnNodeHosts(t *testing.T) {
	const hosts, virtual = 4, 4
	const token = "t0ken"
	c := startConductor(t, "--scenario", "none", "--token", token)
	ports := freePorts(t, hosts)
	for i, port := range ports {
		args := []string{"--listen", local(port), "--virtual-nodes", strconv.Itoa(virtual), "--control-token", token}
		if i > 0 {
			args = append(args, "--join", local(ports[0]))
		}
		start(t, []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + c.otlpGRPC}, binary(t, "node"), args...)
	}
	c.settles(t, hosts*virtual, "ideal", 60*time.Second)

	if status, body := c.call("POST", "/api/simulation", []byte(onHosts)); status != http.StatusAccepted {
		t.Fatalf("POST /api/simulation: %d %s", status, body)
	}
	seen := map[string]bool{} // what the view showed while the host was paused, and while its telemetry was held back
	polltest.Passes(t, 150*time.Second, "the scenario has come to its end", func() error {
		var state struct {
			Running bool
			Phase   string
		}
		status, body := c.call("GET", "/api/simulation", nil)
		if err := json.Unmarshal([]byte(body), &state); status != http.StatusOK || err != nil {
			return fmt.Errorf("GET /api/simulation: %d %v", status, err)
		}
		if !state.Running {
			return nil
		}
		if r, err := c.ring(); err == nil {
			failed := r.with("failed")
			seen[fmt.Sprintf("%s: a host failed", state.Phase)] = seen[fmt.Sprintf("%s: a host failed", state.Phase)] || failed >= virtual
		}
		return fmt.Errorf("in %q", state.Phase)
	})
	if !seen["pause 1: a host failed"] {
		t.Errorf("a paused host was never taken for dead: %v", seen)
	}
	var report struct {
		Verdict      string
		Expectations json.RawMessage
		Phases       json.RawMessage
		Notes        []string
	}
	status, body := c.call("GET", "/api/simulation/report", nil)
	if err := json.Unmarshal([]byte(body), &report); status != http.StatusOK || err != nil {
		t.Fatalf("GET /api/simulation/report: %d %v", status, err)
	}
	if report.Verdict != "passed" || len(report.Notes) > 0 {
		t.Errorf("%s: %s; notes: %s; phases: %s", report.Verdict, report.Expectations, strings.Join(report.Notes, "; "), report.Phases)
	}
	// Of hosts*virtual members at the start, 2 joined, 2 crashed and 2 left. No host is partitioned or paused any more.
	c.settles(t, hosts*virtual-2, "ideal", 60*time.Second)
}
