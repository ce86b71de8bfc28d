package e2e

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"chordconductor/test/internal/polltest"
)

// A node without a receiver for its telemetry serves its ring, logs the problem in whole lines, and names the port.
func TestNodeWithoutCollector(t *testing.T) {
	env := []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + local(freePorts(t, 1)[0])}
	node := start(t, env, binary(t, "node"), "--listen", local(0), "--stabilize", "200ms")
	polltest.Passes(t, 20*time.Second, "it prints that it cannot export telemetry", func() error {
		if !strings.Contains(node.out.String(), "cannot export telemetry") {
			return fmt.Errorf("printed:\n%s", node.out.String())
		}
		return nil
	})
	port := regexp.MustCompile(`listening on (127\.0\.0\.1:[1-9]\d*), advertised as (\S+), .* founding it`).FindStringSubmatch(node.out.String())
	if port == nil || port[1] != port[2] {
		t.Fatalf("no port named:\n%s", node.out.String())
	}
	if code, out := run(t, nil, binary(t, "node"), "health", "--addr", port[1], "--wait", "20s"); code != 0 {
		t.Errorf("health at %s: exit %d: %s", port[1], code, out)
	}
	if code, _ := node.stop(30 * time.Second); code != 0 {
		t.Errorf("exit %d", code)
	}
	said := strings.Split(strings.TrimSpace(node.out.String()), "\n")
	for _, line := range said {
		if !strings.HasPrefix(line, "node: ") || strings.Contains(line, "rpc error") {
			t.Errorf("expected a line of the program's own, got %q", line)
		}
	}
	if last := said[len(said)-1]; !strings.Contains(last, "not exported") {
		t.Errorf("last line: expected the number of lost records, got %q", last)
	}
}
