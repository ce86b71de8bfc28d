package e2e

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"chordconductor/test/internal/polltest"
)

var traceLine = regexp.MustCompile(`\b[0-9a-f]{32}\b`)

// TestNodeProcesses runs separate node processes, a conductor that only receives, and the real stores behind it. Each
// step begins with the ring that the step before it has left.
func TestNodeProcesses(t *testing.T) {
	n := startNodeProcesses(t)
	for _, step := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"client commands", n.clientCommands},
		{"a lookup is one trace in Jaeger", n.lookupIsOneTrace},
		{"a join and the move of its keys are one trace", func(t *testing.T) {
			polltest.Passes(t, 20*time.Second, "the traces of joins", func() error { return joinsAndMoves(n.jaeger) })
		}},
		{"metrics are in Prometheus", n.metricsArrive},
		{"exemplars open in Jaeger", func(t *testing.T) {
			exemplarsLead(t, n.prometheus, n.jaeger, "chord_lookup_duration_seconds_bucket")
		}},
		{"every metric in Prometheus is in the documentation", func(t *testing.T) { metricsAreDocumented(t, n.prometheus) }},
		{"Jaeger shows the service's performance", func(t *testing.T) {
			polltest.Passes(t, 60*time.Second, "rate and latency of lookups", func() error { return servicePerformance(n.jaeger) })
		}},
		{"a killed process is seen by its neighbours", n.killIsSeen},
		{"a death is a trace, with the error marked", func(t *testing.T) {
			polltest.Passes(t, 20*time.Second, "the trace", func() error { return deathIsReported(n.jaeger, local(n.ports[2])) })
		}},
		{"every panel of the dashboards has data", func(t *testing.T) { dashboardsHaveData(t, n.prometheus) }},
		{"labels have the values that dashboards and alerts ask for", func(t *testing.T) {
			labelsSayWhatIsAsked(t, n.prometheus)
			labelsAreDocumented(t, n.prometheus)
		}},
		{"SIGTERM leaves", n.sigtermLeaves},
		{"garbage over OTLP", n.garbageIsRefused},
	} {
		t.Run(step.name, step.run)
	}
}

const nodeHosts, nodeVirtual = 5, 4 // with r = 8, a ring is small with fewer than nine members

// nodes has the node processes, of which the third is killed and the fourth ends, and the receivers of their telemetry.
type nodes struct {
	c                  *conductor
	prometheus, jaeger string
	binary             string
	env                []string
	ports              []int
	processes          []*process
}

func startNodeProcesses(t *testing.T) *nodes {
	t.Helper()
	n := &nodes{prometheus: startPrometheus(t)}
	var otlp string
	otlp, _, n.jaeger = startJaeger(t, n.prometheus)
	n.c = startConductor(t, "--scenario", "none", "--forward-traces", otlp,
		"--forward-metrics", n.prometheus+"/api/v1/otlp", "--jaeger-ui", n.jaeger)
	n.binary = binary(t, "node")
	n.env = []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + n.c.otlpGRPC, "OTEL_METRIC_EXPORT_INTERVAL=1000"}
	n.ports = freePorts(t, nodeHosts)
	for i, port := range n.ports {
		args := []string{"--listen", local(port), "--virtual-nodes", strconv.Itoa(nodeVirtual)}
		if i > 0 {
			args = append(args, "--join", local(n.ports[0]))
		}
		n.processes = append(n.processes, start(t, n.env, n.binary, args...))
		if i == 0 {
			n.c.settlesAny(t, nodeVirtual, 30*time.Second)
		}
	}
	n.c.settles(t, nodeHosts*nodeVirtual, "ideal", 60*time.Second)
	return n
}

func (n *nodes) clientCommands(t *testing.T) {
	for _, test := range []struct{ args, want string }{
		{"put --addr %s tide high", "replicas"},
		{"get --addr %s tide", "high"},
		{"delete --addr %s tide", ""},
		{"status --addr %s", "active"},
		{"health --addr %s", ""},
	} {
		args := strings.Fields(fmt.Sprintf(test.args, local(n.ports[1])))
		if code, out := run(t, n.env, n.binary, args...); code != 0 || !strings.Contains(out, test.want) {
			t.Errorf("node %s: exit %d: %s", strings.Join(args, " "), code, out)
		}
	}
	if code, out := run(t, n.env, n.binary, "get", "--addr", local(n.ports[2]), "tide"); code != 1 || !strings.Contains(out, "not found") {
		t.Errorf("get of a deleted key: exit %d: %s", code, out)
	}
}

func (n *nodes) lookupIsOneTrace(t *testing.T) {
	most := 0
	for i := 0; i < 12 && most < 2; i++ {
		key := fmt.Sprint("key-", i)
		code, out := run(t, n.env, n.binary, "lookup", "--addr", local(n.ports[i%nodeHosts]), key)
		id := traceLine.FindString(out)
		if code != 0 || id == "" {
			t.Fatalf("node lookup: exit %d, printed:\n%s", code, out)
		}
		polltest.Passes(t, 20*time.Second, "trace "+id+" in Jaeger", func() error {
			traces, err := jaegerTraces(n.jaeger, "/api/traces/"+id)
			if err != nil {
				return err
			}
			if len(traces) != 1 {
				return fmt.Errorf("%d traces", len(traces))
			}
			for _, p := range traces[0].Processes {
				if p.Service != "chord-node" {
					return fmt.Errorf("service %q in the trace", p.Service)
				}
			}
			hops, err := hopsNest(traces[0])
			if err != nil {
				return err
			}
			most = max(most, hops)
			return nil
		})
	}
	if most < 2 {
		t.Errorf("the longest of 12 lookups over 16 members has %d hops nested in Jaeger", most)
	}
}

func (n *nodes) metricsArrive(t *testing.T) {
	for _, query := range []string{
		`sum(chord_ring_members{chord_member_status="active"})`,
		`chord_ring_error`,
		`sum(chord_lookup_duration_seconds_count)`,
		`sum(chord_maintenance_rounds_total)`,
		`sum(chord_store_keys)`,
	} {
		polltest.Passes(t, 60*time.Second, query, func() error {
			_, err := promValue(n.prometheus, query)
			return err
		})
	}
}

func (n *nodes) killIsSeen(t *testing.T) {
	before := n.c.settles(t, nodeHosts*nodeVirtual, "ideal", 30*time.Second)
	_ = n.processes[2].cmd.Process.Signal(syscall.SIGKILL)
	killed := time.Now()
	took := polltest.Passes(t, 15*time.Second, "its members are failed", func() error {
		r, err := n.c.ring()
		if err != nil {
			return err
		}
		if count := r.with("failed"); count != nodeVirtual {
			return fmt.Errorf("%d failed of %d", count, len(r.Nodes))
		}
		return nil
	})
	t.Logf("SIGKILL to failed, %d members of one host: %v (stabilize 500ms)", nodeVirtual, took)
	n.c.settles(t, (nodeHosts-1)*nodeVirtual, "ideal", 30*time.Second)
	t.Logf("SIGKILL to ideal: %v, seq %d", time.Since(killed), before.Seq)
}

func (n *nodes) sigtermLeaves(t *testing.T) {
	for range 2 { // twice, as if a supervisor passed on a signal that the whole process group has received
		if err := n.processes[3].cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	polltest.Passes(t, 20*time.Second, "its members have left", func() error {
		r, err := n.c.ring()
		if err != nil {
			return err
		}
		if count := r.with("left"); count != nodeVirtual {
			return fmt.Errorf("%d left", count)
		}
		return nil
	})
	<-n.processes[3].done
	if code := n.processes[3].cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("SIGTERM: expected exit 0, got %d", code)
	}
	n.c.settles(t, (nodeHosts-2)*nodeVirtual, "ideal", 30*time.Second)
}

func (n *nodes) garbageIsRefused(t *testing.T) {
	for path, kind := range map[string]string{"/v1/logs": "application/x-protobuf", "/v1/traces": "application/json", "/v1/metrics": "application/x-protobuf"} {
		response, err := http.Post("http://"+n.c.otlpHTTP+path, kind, strings.NewReader("\xff\xfe this is not OTLP"))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusBadRequest {
			t.Errorf("garbage to %s: status %d", path, response.StatusCode)
		}
	}
	n.c.settles(t, (nodeHosts-2)*nodeVirtual, "ideal", 10*time.Second)
}

// settlesAny waits for the given number of active members, whatever the ring's status.
func (c *conductor) settlesAny(t *testing.T, active int, limit time.Duration) {
	t.Helper()
	polltest.Passes(t, limit, fmt.Sprint(active, " active members"), func() error {
		r, err := c.ring()
		if err != nil {
			return err
		}
		if r.with("active") != active {
			return fmt.Errorf("%d active of %d, status %s", r.with("active"), len(r.Nodes), r.Status)
		}
		return nil
	})
}
