package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/plog"

	"chordconductor/conductor/conform"
	"chordconductor/conductor/recording"
)

// ringRecorded returns the file of a recording of a small ring, made in virtual time.
func ringRecorded(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	source, path := filepath.Join(dir, "small.yaml"), filepath.Join(dir, "small.otlp")
	text := "name: small\nring: {members: 5, successors: 3, replicas: 2}\ntiming: {stabilize: 200ms}\nworkload: {rate: 5/s}\nduration: 40s\n"
	if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var complaint bytes.Buffer
	if code := execute(t.Context(), []string{"run", source, "--speed", "virtual", "--record", path}, io.Discard, &complaint); code != exitOK {
		t.Fatalf("exit %d: %s", code, &complaint)
	}
	return path
}

func conformed(t *testing.T, args ...string) (code int, out, complaint string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = execute(t.Context(), append([]string{"conform"}, args...), &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

func TestConformRecording(t *testing.T) {
	path := ringRecorded(t)
	code, out, complaint := conformed(t, path)
	if code != exitOK || complaint != "" || strings.Count(out, "PASSED") != len(conform.Levels) {
		t.Fatalf("exit %d, %s: %s", code, complaint, out)
	}
	code, out, _ = conformed(t, path, "--json")
	var report conform.Report
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != exitOK || !report.Passed || len(report.Results) != len(conform.Levels) {
		t.Errorf("exit %d, %v: %s", code, err, out)
	}
	code, out, complaint = conformed(t, path, "--ring", "another")
	if code != exitUsage || !strings.Contains(out, "other rings") || !strings.Contains(complaint, `no event, span or measurement of ring "another" to verify`) {
		t.Errorf("another ring: exit %d, %s: %s", code, complaint, out)
	}
}

// A truncated recording is verified to its last whole message, with a notice; a file that is not a recording is
// rejected.
func TestConformDamaged(t *testing.T) {
	path := ringRecorded(t)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	truncated := filepath.Join(t.TempDir(), "truncated.otlp")
	for _, test := range []struct {
		name string
		data []byte
		code int
		want string
	}{
		{"truncated", whole[:len(whole)-3], exitOK, "the file ends within a message"},
		{"empty", nil, exitUsage, "the recording is empty: expected at least one OTLP request"},
		{"JSON", []byte(`{"resourceLogs":[]}`), exitUsage, "this is JSON"},
	} {
		if err := os.WriteFile(truncated, test.data, 0o600); err != nil {
			t.Fatal(err)
		}
		if code, out, complaint := conformed(t, truncated); code != test.code || !strings.Contains(out+complaint, test.want) {
			t.Errorf("%s: exit %d, %s: %s", test.name, code, complaint, out)
		}
	}
	for _, args := range [][]string{{"a", "b"}, {path, "--levels", "all"}, {"/no/such/file"}, {"--for", "0s"}, {"--otlp-grpc", "nowhere"}} {
		if code, _, complaint := conformed(t, args...); code != exitUsage || complaint == "" {
			t.Errorf("%v: exit %d, %s", args, code, complaint)
		}
	}
}

// An emitter without any telemetry, or without any of the claimed levels, has neither passed nor failed.
func TestConformNothing(t *testing.T) {
	live := []string{"--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0", "--for", "1ms"}
	foreign := filepath.Join(t.TempDir(), "foreign.otlp")
	ld := plog.NewLogs()
	ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().SetEventName("other.event")
	w, err := recording.Create(foreign)
	if err != nil {
		t.Fatal(err)
	}
	w.Logs(ld)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{live, append(live, "--json"), {foreign}, {foreign, "--levels", "traces"}} {
		code, out, complaint := conformed(t, args...)
		if code != exitUsage || !strings.Contains(complaint, "no event, span or measurement to verify") || !strings.Contains(strings.ToLower(strings.ReplaceAll(out, "_", " ")), "not seen") {
			t.Errorf("%v: exit %d, %s: %s", args, code, complaint, out)
		}
	}
}

// Telemetry received on the ports is verified when Ctrl-C is pressed; the timestamps of a recording are old by then.
func TestConformLive(t *testing.T) {
	data, err := os.ReadFile(ringRecorded(t))
	if err != nil {
		t.Fatal(err)
	}
	first := data[4 : 4+binary.BigEndian.Uint32(data)]
	for _, claims := range []string{"accepted", "accepted,membership"} {
		ctx, stop := context.WithCancel(t.Context())
		read, write := io.Pipe()
		var out bytes.Buffer
		code := make(chan int, 1)
		go func() {
			code <- execute(ctx, []string{"conform", "--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0", "--for", "10m", "--levels", claims}, &out, write)
			write.Close()
		}()
		lines := bufio.NewScanner(read)
		lines.Scan()
		at := regexp.MustCompile(`OTLP/HTTP (\S+) for`).FindStringSubmatch(lines.Text())
		if at == nil {
			t.Fatalf("no address in %q", lines.Text())
		}
		go io.Copy(io.Discard, read)
		answer, err := http.Post("http://"+at[1]+"/v1/logs", "application/x-protobuf", bytes.NewReader(first))
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		stop()
		got := <-code
		if want := map[string]int{"accepted": exitOK, "accepted,membership": exitFailed}[claims]; got != want || answer.StatusCode != http.StatusOK {
			t.Errorf("%s: exit %d, answer %s: %s", claims, got, answer.Status, &out)
		}
		if claims != "accepted" && !strings.Contains(out.String(), "more than a minute from the time of arrival") {
			t.Errorf("old timestamps are not named: %s", &out)
		}
	}
}

// The commands that receive telemetry without --memory have the budget of the process, too: GOMEMLIMIT, if that is set.
func TestReceiversHaveABudget(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "100MiB")
	before := debug.SetMemoryLimit(100 << 20)
	defer debug.SetMemoryLimit(before)
	for _, args := range [][]string{
		{"conform", "--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0", "--for", "1ms"},
		{"run", "first-ring"},
	} {
		var stderr bytes.Buffer
		if code := execute(t.Context(), args, io.Discard, &stderr); code == exitOK || !strings.Contains(stderr.String(), "100 MiB of memory (GOMEMLIMIT) is too little") {
			t.Errorf("%v: exit %d, %s", args, code, &stderr)
		}
	}
}

// The verifier's ports off loopback require that senders authenticate, or a flag that permits senders without
// authentication, like the conductor's own ports: the test tries all combinations of addresses and means. Nothing
// listens before that check.
func TestConformAsksSendersToAuthenticate(t *testing.T) {
	addresses := map[string]bool{"127.0.0.1:0": true, "localhost:0": true, "": true, "0.0.0.0:0": false, ":0": false}
	for grpc, grpcLocal := range addresses {
		for http, httpLocal := range addresses {
			for name, flags := range map[string][]string{
				"nothing": nil, "a token": {"--otlp-token", strongToken}, "a weak token": {"--otlp-token", "guess-me"}, "insecure": {"--otlp-insecure"},
			} {
				var stdout, stderr bytes.Buffer
				code := execute(t.Context(), append([]string{"conform", "--otlp-grpc", grpc, "--otlp-http", http, "--for", "1ms"}, flags...), &stdout, &stderr)
				rejected := (!grpcLocal || !httpLocal) && (name == "nothing" || name == "a weak token")
				if listened := strings.Contains(stderr.String(), "Listening on"); code != exitUsage || listened == rejected {
					t.Errorf("gRPC %q, HTTP %q with %s: exit %d, %s", grpc, http, name, code, &stderr)
				}
				if rejected && (strings.Count(stderr.String(), "\n") != 1 || !strings.Contains(stderr.String(), "--otlp-token") || strings.Contains(stderr.String(), "guess-me")) {
					t.Errorf("gRPC %q, HTTP %q with %s: %s", grpc, http, name, &stderr)
				}
			}
		}
	}
}
