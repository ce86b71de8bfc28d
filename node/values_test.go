package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chordconductor/internal/freeport"
	"chordconductor/node/kv"
)

// with runs a client command with stdin as standard input.
func with(stdin io.Reader, args ...string) ([]byte, error) {
	var out bytes.Buffer
	cmd := newRoot(new(ending), new(options))
	cmd.SetArgs(args)
	cmd.SetIn(stdin)
	cmd.SetOut(&out)
	err := cmd.ExecuteContext(context.Background())
	return out.Bytes(), err
}

// Values of any bytes are stored from a file or from standard input, and get returns the same
// bytes.
func TestValuesAreBytes(t *testing.T) {
	t.Setenv("OTEL_SDK_DISABLED", "true")
	addr := freeport.Address(t)
	start(t, "--listen", addr, "--stabilize", "100ms")
	untilActive(t, addr, 1)

	binary := []byte("\x00\xff\xfe line\nno newline at the end\x80")
	largest := bytes.Repeat([]byte{0xA5}, kv.MaxValue)
	file := func(value []byte) string {
		path := filepath.Join(t.TempDir(), "value")
		if err := os.WriteFile(path, value, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, test := range []struct {
		name  string
		stdin string
		args  []string
		want  []byte
	}{
		{"file", "", []string{"--file", file(binary)}, binary},
		{"stdin", string(binary), []string{"-"}, binary},
		{"stdin by --file", string(binary), []string{"--file", "-"}, binary},
		{"largest", "", []string{"--file", file(largest)}, largest},
		{"empty", "", []string{"-"}, nil},
		{"newline", "", []string{"high\n"}, []byte("high\n")},
	} {
		put := append([]string{"put", test.name, "--addr", addr}, test.args...)
		if out, err := with(strings.NewReader(test.stdin), put...); err != nil {
			t.Errorf("%s: put: %v, printed %q", test.name, err, out)
			continue
		}
		for _, get := range [][]string{{"get", test.name, "--addr", addr}, {"get", test.name, "--addr", addr, "--raw"}} {
			if out, err := with(nil, get...); err != nil || !bytes.Equal(out, test.want) {
				t.Errorf("%s: %v: %d bytes, %v; want the %d that were put", test.name, get, len(out), err, len(test.want))
			}
		}
	}
}

func TestTooLargeValues(t *testing.T) {
	large := strings.Repeat("x", kv.MaxValue+1)
	path := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(path, []byte(large), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ args, want string }{
		{"put key " + large, "the value"},
		{"put key -", "standard input"},
		{"put key --file " + path, path},
	} {
		_, err := with(strings.NewReader(large), strings.Fields(test.args)...)
		if usage := (usageError{}); !errors.As(err, &usage) || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "1 MiB") {
			t.Errorf("%.30s: %v", test.args, err)
		}
	}
}

// Standard input that never ends does not block the program.
func TestReadingIsInterrupted(t *testing.T) {
	never, writer := io.Pipe()
	defer writer.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	cmd := newRoot(new(ending), new(options))
	cmd.SetArgs([]string{"put", "key", "-"})
	cmd.SetIn(never)
	if err := cmd.ExecuteContext(ctx); err == nil || !strings.Contains(err.Error(), "standard input") {
		t.Errorf("%v", err)
	}
}

func TestNewlineForTerminals(t *testing.T) {
	for _, test := range []struct {
		value, want string
		terminal    bool
	}{
		{"high", "high\n", true},
		{"high\n", "high\n", true},
		{"", "\n", true},
		{"high", "high", false},
	} {
		var out bytes.Buffer
		if err := printValue(&out, []byte(test.value), test.terminal); err != nil || out.String() != test.want {
			t.Errorf("%q, terminal %v: %q, %v", test.value, test.terminal, out.String(), err)
		}
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if isTerminal(file) || isTerminal(new(bytes.Buffer)) {
		t.Error("a file or a buffer is taken for a terminal")
	}
}
