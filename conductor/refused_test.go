package main

import (
	"bytes"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chordconductor/conductor/eventlog"
)

// A start that is rejected leaves no file and no directory, whatever the reason: an address in use, a certificate, a
// value, a directory that cannot be made. All listeners report an address in use with the same words.
func TestARefusedStartLeavesNothing(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	inUse := taken.Addr().String()
	certificates := t.TempDir()
	broken := filepath.Join(certificates, "broken.pem")
	if err := os.WriteFile(broken, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	ports := map[string]string{"--http": "page and API", "--otlp-grpc": "OTLP/gRPC", "--otlp-http": "OTLP/HTTP"}
	cases := map[string][]string{
		"certificates":            {"--tls-cert", broken, "--tls-key", broken},
		"client authorities":      {"--tls-cert", broken, "--tls-key", broken, "--tls-client-ca", broken},
		"a target":                {"--forward-traces", "ftp://store"},
		"node hosts":              {"--node-cert", broken, "--node-key", broken, "--node-ca", broken},
		"a directory that is not": {"--data-dir", "DIR/a/x\x00y/b"},
		"a file above it":         {"--data-dir", broken + "/a/b"},
		"a record of nowhere":     {"--record", "DIR/a/b/c.otlp"},
		"too little memory":       {"--memory", "1MiB"},
	}
	for flag := range ports {
		cases[flag] = []string{flag, inUse}
	}
	for name, args := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			all := []string{
				"--scenario", "none", "--http", "127.0.0.1:0", "--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0",
				"--data-dir", filepath.Join(dir, "new", "data"), "--record", filepath.Join(dir, "new.otlp"),
			}
			for _, a := range args {
				all = append(all, strings.ReplaceAll(a, "DIR", dir))
			}
			var out, complaint bytes.Buffer
			if code := execute(t.Context(), all, &out, &complaint); code != exitUsage {
				t.Errorf("exit %d", code)
			}
			text := strings.TrimSpace(complaint.String())
			if text == "" || strings.Contains(text, "\n") {
				t.Errorf("want one line, got %q", text)
			}
			if what, listens := ports[name]; listens {
				want := "conductor: " + what + ": address " + inUse + " is already in use, perhaps by another conductor or Collector; choose another with " + name
				if text != want {
					t.Errorf("got  %s\nwant %s", text, want)
				}
			}
			left, err := os.ReadDir(dir)
			if err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

// For a data directory that is in use or cannot be used, wherever in it the reason lies, one line names the flag and
// the path.
func TestAnUnusableDataDirectory(t *testing.T) {
	noDirectory := func(names ...string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			path := filepath.Join(append([]string{dir}, names...)...)
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, nil, 0o600)); err != nil {
				t.Fatal(err)
			}
		}
	}
	noFile := func(names ...string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			if err := os.MkdirAll(filepath.Join(append([]string{dir}, names...)...), 0o700); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, spoil := range map[string]func(t *testing.T, dir string){
		"in use": func(t *testing.T, dir string) {
			other, err := eventlog.Open(eventlog.Options{Dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { other.Close() })
		},
		"a file":         noDirectory(),
		"a loop":         func(t *testing.T, dir string) { symlink(t, dir, dir) },
		"a link to none": func(t *testing.T, dir string) { symlink(t, filepath.Join(dir, "none"), dir) },
		"no lock":        noFile("LOCK"),
		"no audit log":   noDirectory("audit"),
		"no commands":    noFile("audit", "commands.jsonl"),
		"no queue":       noDirectory("queue"),
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			spoil(t, dir)
			var out, complaint bytes.Buffer
			code := execute(t.Context(), []string{
				"--scenario", "none", "--http", "127.0.0.1:0", "--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0",
				"--forward-traces", "127.0.0.1:1", "--data-dir", dir,
			}, &out, &complaint)
			text := strings.TrimSpace(complaint.String())
			if code != exitUsage || !strings.HasPrefix(text, "conductor: --data-dir: ") || !strings.Contains(text, dir) || strings.Contains(text, "\n") {
				t.Errorf("exit %d: %s", code, text)
			}
		})
	}
}

func symlink(t *testing.T, to, path string) {
	t.Helper()
	if err := os.Symlink(to, path); err != nil {
		t.Fatal(err)
	}
}
