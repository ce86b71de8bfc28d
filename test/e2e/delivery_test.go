package e2e

import (
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"chordconductor/test/internal/polltest"
)

const (
	deliveryHosts   = 3
	deliveryVirtual = 4 // with r = 8, a ring is small with fewer than nine members
	keyframePeriod  = 10 * time.Second
)

// startNodes starts node processes of one ring that send their telemetry to an OTLP endpoint.
func startNodes(t *testing.T, otlp string) []*process {
	t.Helper()
	ports := freePorts(t, deliveryHosts)
	nodes := make([]*process, deliveryHosts)
	for i, port := range ports {
		args := []string{"--listen", local(port), "--virtual-nodes", strconv.Itoa(deliveryVirtual)}
		if i > 0 {
			args = append(args, "--join", local(ports[0]))
		}
		nodes[i] = start(t, []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + otlp}, binary(t, "node"), args...)
	}
	return nodes
}

// A stock Collector between nodes and conductor changes nothing.
func TestThroughACollector(t *testing.T) {
	c := startConductor(t, "--scenario", "none")
	ports := freePorts(t, 2)
	collector := local(ports[0])
	config, err := filepath.Abs(filepath.Join(root, "otel/collector.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "collector")
	if out, err := exec.Command("go", "build", "-o", program, "../collector").CombinedOutput(); err != nil {
		t.Fatalf("building the Collector: %v\n%s", err, out)
	}
	start(t, []string{"CONDUCTOR=" + c.otlpGRPC, "COLLECTOR_GRPC=" + collector, "COLLECTOR_HTTP=" + local(ports[1])},
		program, "--config", "file:"+config)
	polltest.Passes(t, 30*time.Second, "the Collector listens", func() error {
		conn, err := net.Dial("tcp", collector)
		if err == nil {
			conn.Close()
		}
		return err
	})
	nodes := startNodes(t, collector)
	c.settles(t, deliveryHosts*deliveryVirtual, "ideal", 60*time.Second)

	nodes[1].kill()
	polltest.Passes(t, 20*time.Second, "the members of a killed node are failed", func() error {
		r, err := c.ring()
		if err == nil && r.with("failed") != deliveryVirtual {
			err = fmt.Errorf("%d of %d members failed", r.with("failed"), len(r.Nodes))
		}
		return err
	})
}

// A conductor that is killed and started again has the whole picture within a keyframe period: nodes detect the outage,
// and send their whole state when they reach the conductor again.
func TestConductorIsKilledAndComesBack(t *testing.T) {
	dir := t.TempDir()
	ports := freePorts(t, 3)
	args := []string{"--scenario", "none", "--data-dir", dir,
		"--http", local(ports[0]), "--otlp-grpc", local(ports[1]), "--otlp-http", local(ports[2])}
	run := func() *conductor {
		c := &conductor{http: local(ports[0]), otlpGRPC: local(ports[1]), otlpHTTP: local(ports[2])}
		c.process = start(t, nil, binary(t, "conductor"), args...)
		c.ready(t)
		return c
	}
	first := run()
	startNodes(t, first.otlpGRPC)
	before := first.settles(t, deliveryHosts*deliveryVirtual, "ideal", 60*time.Second)
	// Up to a second of history may be lost with the process, so wait until there are two.
	at := func(t time.Time) string { return "/api/ring?at=" + t.UTC().Format(time.RFC3339Nano) }
	polltest.Passes(t, 10*time.Second, "history two seconds back", func() error {
		if status, answer := first.call("GET", at(time.Now().Add(-2*time.Second)), nil); status != 200 {
			return fmt.Errorf("status %d: %s", status, tail(answer, 200))
		}
		return nil
	})
	killed := time.Now()
	first.kill()

	second := run()
	after := second.settles(t, deliveryHosts*deliveryVirtual, "ideal", keyframePeriod+5*time.Second)
	t.Logf("killed to whole again: %v", time.Since(killed).Round(10*time.Millisecond))
	if after.Epoch == before.Epoch {
		t.Errorf("both runs have epoch %q", after.Epoch)
	}
	for _, node := range after.Nodes {
		if node.Uncertain {
			t.Errorf("member %s is uncertain", node.ID)
		}
	}
	if status, answer := second.call("GET", at(killed.Add(-time.Second)), nil); status != 200 {
		t.Errorf("the ring before the kill: status %d: %s", status, tail(answer, 500))
	}
}

// The host that founded the ring is killed and started again, still without --join, so it founds a second ring. The
// other hosts keep calling the host through which they joined, and merge the two rings.
func TestFounderComesBack(t *testing.T) {
	c := startConductor(t, "--scenario", "none")
	ports := freePorts(t, deliveryHosts)
	run := func(i int) *process {
		args := []string{"--listen", local(ports[i]), "--virtual-nodes", strconv.Itoa(deliveryVirtual)}
		if i > 0 {
			args = append(args, "--join", local(ports[0]))
		}
		return start(t, []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + c.otlpGRPC}, binary(t, "node"), args...)
	}
	founder := run(0)
	for i := 1; i < deliveryHosts; i++ {
		run(i)
	}
	c.settles(t, deliveryHosts*deliveryVirtual, "ideal", 60*time.Second)
	founder.kill()
	c.settlesAny(t, (deliveryHosts-1)*deliveryVirtual, 30*time.Second)
	run(0)
	begin := time.Now()
	c.settles(t, deliveryHosts*deliveryVirtual, "ideal", 90*time.Second)
	t.Logf("the founder's new ring and the old one: ideal after %v", time.Since(begin).Round(100*time.Millisecond))
}
