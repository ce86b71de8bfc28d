package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chordconductor/test/internal/polltest"
)

// The example emitter, in JavaScript with the public SDK, passes all levels of the conformance check, and the conductor
// shows its ring.
func TestForeignEmitter(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json", "emitter.js"} {
		data, err := os.ReadFile(filepath.Join(root, "examples/emitter", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	install := exec.Command(onPath(t, "npm"), "ci", "--prefix", dir, "--no-audit", "--no-fund", "--prefer-offline")
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v: %s", err, out)
	}
	node := onPath(t, "node")
	emitter := filepath.Join(dir, "emitter.js")
	sendTo := func(address string) []string { return []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + address} }

	ports := freePorts(t, 2)
	conform := start(t, nil, binary(t, "conductor"), "conform", "--otlp-grpc", local(ports[0]), "--otlp-http", local(ports[1]), "--for", "10m", "--json")
	polltest.Passes(t, 30*time.Second, "conform listens", func() error {
		if !strings.Contains(conform.out.String(), "Listening on") {
			return errors.New("not yet")
		}
		return nil
	})
	if code, out := run(t, sendTo(local(ports[1])), node, emitter, "4"); code != 0 {
		t.Fatalf("the emitter ended with %d: %s", code, out)
	}
	code, _ := conform.stop(30 * time.Second)
	out := conform.out.String()
	var report struct {
		Passed bool
		Levels []struct{ Level, Verdict string }
	}
	if err := json.Unmarshal([]byte(out[strings.IndexByte(out, '{'):]), &report); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if code != 0 || !report.Passed || len(report.Levels) != 6 {
		t.Errorf("exit %d, passed %t, levels %+v", code, report.Passed, report.Levels)
	}

	c := startConductor(t, "--scenario", "none")
	start(t, sendTo(c.otlpHTTP), node, emitter)
	c.settles(t, 5, "ideal", 60*time.Second)
	polltest.Passes(t, 60*time.Second, "a lookup of the emitter's in the API", func() error {
		if status, answer := c.call("GET", "/api/lookups", nil); !strings.Contains(answer, `"trace_id"`) {
			return fmt.Errorf("%d: %s", status, answer)
		}
		return nil
	})
}
