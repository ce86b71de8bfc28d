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
)

var traceLine = regexp.MustCompile(`\b[0-9a-f]{32}\b`)

// Node processes of their own, a conductor that only listens, and the real stores behind it.
func TestNodeProcesses(t *testing.T) {
	prometheus := startPrometheus(t)
	otlp, _, jaeger := startJaeger(t, prometheus)
	c := startConductor(t, "--scenario", "none", "--forward-traces", otlp,
		"--forward-metrics", prometheus+"/api/v1/otlp", "--jaeger-ui", jaeger)

	node := binary(t, "node")
	env := []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + c.otlpGRPC, "OTEL_METRIC_EXPORT_INTERVAL=1000"}
	const hosts, virtual = 5, 4 // with r = 8, a ring is small with fewer than nine members
	ports := freePorts(t, hosts)
	processes := make([]*process, hosts)
	for i, port := range ports {
		args := []string{"--listen", local(port), "--virtual-nodes", strconv.Itoa(virtual)}
		if i > 0 {
			args = append(args, "--join", local(ports[0]))
		}
		processes[i] = start(t, env, node, args...)
		if i == 0 {
			c.settlesAny(t, virtual, 30*time.Second)
		}
	}
	c.settles(t, hosts*virtual, "ideal", 60*time.Second)

	t.Run("client commands", func(t *testing.T) {
		for _, test := range []struct{ args, want string }{
			{"put --addr %s tide high", "replicas"},
			{"get --addr %s tide", "high"},
			{"delete --addr %s tide", ""},
			{"status --addr %s", "active"},
			{"health --addr %s", ""},
		} {
			args := strings.Fields(fmt.Sprintf(test.args, local(ports[1])))
			if code, out := run(t, env, node, args...); code != 0 || !strings.Contains(out, test.want) {
				t.Errorf("node %s: exit %d: %s", strings.Join(args, " "), code, out)
			}
		}
		if code, out := run(t, env, node, "get", "--addr", local(ports[2]), "tide"); code != 1 || !strings.Contains(out, "not found") {
			t.Errorf("get of a deleted key: exit %d: %s", code, out)
		}
	})

	t.Run("a lookup is one trace in Jaeger", func(t *testing.T) {
		most := 0
		for i := 0; i < 12 && most < 2; i++ {
			key := fmt.Sprint("key-", i)
			code, out := run(t, env, node, "lookup", "--addr", local(ports[i%hosts]), key)
			id := traceLine.FindString(out)
			if code != 0 || id == "" {
				t.Fatalf("node lookup: exit %d, printed:\n%s", code, out)
			}
			eventually(t, 20*time.Second, "trace "+id+" in Jaeger", func() error {
				traces, err := jaegerTraces(jaeger, "/api/traces/"+id)
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
	})

	t.Run("a join and the move of its keys are one trace", func(t *testing.T) {
		eventually(t, 20*time.Second, "the traces of joins", func() error { return joinsAndMoves(jaeger) })
	})

	t.Run("metrics are in Prometheus", func(t *testing.T) {
		for _, query := range []string{
			`sum(chord_ring_members{chord_member_status="active"})`,
			`chord_ring_error`,
			`sum(chord_lookup_duration_seconds_count)`,
			`sum(chord_maintenance_rounds_total)`,
			`sum(chord_store_keys)`,
		} {
			eventually(t, 60*time.Second, query, func() error {
				_, err := promValue(prometheus, query)
				return err
			})
		}
	})

	t.Run("exemplars open in Jaeger", func(t *testing.T) {
		exemplarsLead(t, prometheus, jaeger, "chord_lookup_duration_seconds_bucket")
	})

	t.Run("every metric in Prometheus is in the documentation", func(t *testing.T) { metricsAreDocumented(t, prometheus) })

	t.Run("Jaeger shows the service's performance", func(t *testing.T) {
		eventually(t, 60*time.Second, "rate and latency of lookups", func() error { return servicePerformance(jaeger) })
	})

	t.Run("a killed process is seen by its neighbours", func(t *testing.T) {
		before := c.settles(t, hosts*virtual, "ideal", 30*time.Second)
		_ = processes[2].cmd.Process.Signal(syscall.SIGKILL)
		killed := time.Now()
		took := eventually(t, 15*time.Second, "its members are failed", func() error {
			r, err := c.ring()
			if err != nil {
				return err
			}
			if n := r.with("failed"); n != virtual {
				return fmt.Errorf("%d failed of %d", n, len(r.Nodes))
			}
			return nil
		})
		t.Logf("SIGKILL to failed, %d members of one host: %v (stabilize 500ms)", virtual, took)
		c.settles(t, (hosts-1)*virtual, "ideal", 30*time.Second)
		t.Logf("SIGKILL to ideal: %v, seq %d", time.Since(killed), before.Seq)
	})

	t.Run("a death is a trace, with the error marked", func(t *testing.T) {
		eventually(t, 20*time.Second, "the trace", func() error { return deathIsReported(jaeger, local(ports[2])) })
	})

	t.Run("every panel of the dashboards has data", func(t *testing.T) { dashboardsHaveData(t, prometheus) })

	t.Run("labels have the values that dashboards and alerts ask for", func(t *testing.T) {
		labelsSayWhatIsAsked(t, prometheus)
		labelsAreDocumented(t, prometheus)
	})

	t.Run("SIGTERM leaves", func(t *testing.T) {
		for range 2 { // as from a supervisor that passes on what the group has got already
			if err := processes[3].cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, 20*time.Second, "its members have left", func() error {
			r, err := c.ring()
			if err != nil {
				return err
			}
			if n := r.with("left"); n != virtual {
				return fmt.Errorf("%d left", n)
			}
			return nil
		})
		<-processes[3].done
		if code := processes[3].cmd.ProcessState.ExitCode(); code != 0 {
			t.Errorf("SIGTERM: expected exit 0, got %d", code)
		}
		c.settles(t, (hosts-2)*virtual, "ideal", 30*time.Second)
	})

	t.Run("garbage over OTLP", func(t *testing.T) {
		for path, kind := range map[string]string{"/v1/logs": "application/x-protobuf", "/v1/traces": "application/json", "/v1/metrics": "application/x-protobuf"} {
			response, err := http.Post("http://"+c.otlpHTTP+path, kind, strings.NewReader("\xff\xfe this is not OTLP"))
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if response.StatusCode != http.StatusBadRequest {
				t.Errorf("garbage to %s: status %d", path, response.StatusCode)
			}
		}
		c.settles(t, (hosts-2)*virtual, "ideal", 10*time.Second)
	})
}

// settlesAny waits for the given number of active members, whatever the ring's status.
func (c *conductor) settlesAny(t *testing.T, active int, limit time.Duration) {
	t.Helper()
	eventually(t, limit, fmt.Sprint(active, " active members"), func() error {
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
