package e2e

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// For each kind of wrong input, the program prints one clear line and exits with the documented code.
func TestBadInput(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().String()
	free := local(freePorts(t, 1)[0])
	scenario := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(scenario, []byte("name: x\nring:\n  membres: 3\n"), 0o600); err != nil {
		t.Fatal(err)
	}

	quiet := []string{"--otlp-grpc", local(0), "--otlp-http", local(0), "--http", local(0), "--scenario", "none"}
	for _, test := range []struct {
		program string
		args    []string
		code    int
		wants   []string
	}{
		{"conductor", append(quiet, "--http", port), 2, []string{port, "in use"}},
		{"conductor", append(quiet, "--otlp-grpc", port), 2, []string{port, "in use"}},
		{"conductor", append(quiet, "--otlp-http", port), 2, []string{port, "in use"}},
		{"conductor", append(quiet, "--http", "nonsense"), 2, []string{"--http", "nonsense"}},
		{"conductor", []string{"--no-such-flag"}, 2, []string{"no-such-flag"}},
		{"conductor", []string{"--scenario", "/no/such/file.yaml"}, 2, []string{"/no/such/file.yaml"}},
		{"conductor", []string{"run", scenario}, 2, []string{"bad.yaml:3", "membres"}},
		{"node", []string{"--listen", port}, 2, []string{port, "in use"}},
		{"node", []string{"--listen", "nonsense"}, 2, []string{"--listen", "nonsense"}},
		{"node", []string{"--bits", "2"}, 2, []string{"bits", "3", "160"}},
		{"node", []string{"--join", "nonsense"}, 2, []string{"--join", "nonsense"}},
		{"node", []string{"get", "--addr", free, "key"}, 1, []string{free}},
		{"node", []string{"lookup", "--addr", free}, 2, []string{"key"}},
	} {
		name := test.program + " " + strings.Join(test.args, " ")
		code, out := run(t, []string{"OTEL_SDK_DISABLED=true"}, binary(t, test.program), test.args...)
		if code != test.code {
			t.Errorf("%s: exit %d, want %d; printed:\n%s", name, code, test.code, out)
		}
		for _, part := range test.wants {
			if !strings.Contains(out, part) {
				t.Errorf("%s: expected %q in the output, got:\n%s", name, part, out)
			}
		}
		if lines := strings.Count(strings.TrimSpace(out), "\n"); lines > 0 {
			t.Errorf("%s: more than one line:\n%s", name, out)
		}
	}
}
