package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"google.golang.org/protobuf/proto"

	"chordconductor/conductor/hub/hubpb"
	"chordconductor/internal/polltest"
)

const shortScenario = `name: short
seed: 5
ring: {members: 10, successors: 4}
network: {latency: 5ms, jitter: 5ms, loss: 0.01}
workload: {rate: 40/s, poisson: true}
phases:
- {at: 5s, churn: {join: 0.5/s, leave: 0.3/s, crash: 0.3/s}, for: 6s}
- {at: 13s, partition: {fraction: 0.3}, for: 3s}
duration: 20s
expect: {lost_keys: 100, wrong_lookups: 100}
`

func writeScenario(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "short.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// withoutEnvironment returns a report's JSON without the values that depend on the machine or the time of day.
func withoutEnvironment(t *testing.T, text []byte) string {
	t.Helper()
	var report map[string]any
	if err := json.Unmarshal(text, &report); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	delete(report, "environment")
	out, err := json.MarshalIndent(report, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// over waits for the end of the simulation.
func (r *running) over() {
	r.t.Helper()
	polltest.Passes(r.t, "the simulation has ended", func() error {
		var state struct {
			Running  bool
			Scenario string
			ElapsedS float64 `json:"elapsed_s"`
		}
		if r.ask("GET", "/api/simulation", "", http.StatusOK, &state); state.Running {
			return fmt.Errorf("%+v", state)
		}
		return nil
	})
}

// watch reads the page's WebSocket and parts of the API until ctx ends, and returns the number of messages received.
func (r *running) watch(ctx context.Context) (messages int) {
	conn, _, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(r.url, "http")+"ws", &websocket.DialOptions{Subprotocols: []string{"chord.v1"}})
	if err != nil {
		return 0
	}
	defer conn.CloseNow()
	conn.SetReadLimit(-1)
	hello, _ := proto.Marshal(&hubpb.ClientMessage{Message: &hubpb.ClientMessage_Hello{Hello: &hubpb.Hello{}}})
	if conn.Write(ctx, websocket.MessageBinary, hello) != nil {
		return 0
	}
	for {
		if _, _, err := conn.Read(ctx); err != nil {
			return messages
		}
		if messages++; messages%5 == 0 {
			r.call("GET", "/api/simulation/report", "")
			r.call("GET", "/api/ring?at=2001-08-27T12:00:09Z", "")
		}
	}
}

// TestThePageDoesNotMatter runs a scenario without a page, and with a page at several speeds while a client reads all
// that it can: the report is the same to the last number, and stays so while the ring continues.
func TestThePageDoesNotMatter(t *testing.T) {
	file := writeScenario(t, shortScenario)
	out := filepath.Join(t.TempDir(), "out.json")
	var stdout, stderr bytes.Buffer
	if code := execute(t.Context(), []string{"run", file, "--speed", "virtual", "--json", out}, &stdout, &stderr); code != exitOK {
		t.Fatalf("exit %d: %s%s", code, &stdout, &stderr)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	want := withoutEnvironment(t, text)
	for _, speed := range []string{"virtual", "20"} {
		t.Run(speed, func(t *testing.T) {
			r := runProgram(t, "--http", "127.0.0.1:0", "--scenario", file, "--speed", speed)
			ctx, cancel := context.WithCancel(t.Context())
			watched := make(chan int, 1)
			go func() { watched <- r.watch(ctx) }()
			r.over()
			for range 2 {
				_, report := r.call("GET", "/api/simulation/report", "")
				if got := withoutEnvironment(t, []byte(report)); got != want {
					t.Fatalf("the report differs from that without a page: %s", firstDifference(got, want))
				}
				// The ring goes on after the end. A member may count as failed for a moment, so the number is not known.
				r.until("an ideal ring of some members", func(a ringAnswer) bool { return a.Status == "ideal" && a.Counts["active"] > 0 })
			}
			cancel()
			if n := <-watched; n < 2 && speed != "virtual" {
				t.Errorf("the client received %d messages", n)
			}
			if code := r.end(); code != exitOK {
				t.Errorf("exit %d: %s", code, r.err)
			}
		})
	}
}

func (r *running) active() int {
	var a ringAnswer
	r.ask("GET", "/api/ring", "", http.StatusOK, &a)
	return a.Counts["active"]
}

func firstDifference(got, want string) string {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return a[i] + ", expected " + b[i]
		}
	}
	return "in length"
}

// In a simulated world commands have the same effect as elsewhere, and one scenario can follow another.
func TestCommandsInASimulatedWorld(t *testing.T) {
	r := runProgram(t, "--http", "127.0.0.1:0", "--scenario", writeScenario(t, shortScenario), "--speed", "virtual")
	r.over()
	if status, answer := r.call("PUT", "/api/keys/tide", "high"); status/100 != 2 {
		t.Fatalf("put: %d %s", status, answer)
	}
	if status, answer := r.call("GET", "/api/keys/tide", ""); status != http.StatusOK || !strings.Contains(answer, "high") {
		t.Fatalf("get: %d %s", status, answer)
	}
	before := r.active()
	if status, answer := r.call("POST", "/api/nodes", `{"count": 2}`); status/100 != 2 {
		t.Fatalf("start: %d %s", status, answer)
	}
	// One that counted as failed for a moment is not in the number before.
	r.until("an ideal ring of two members more", func(a ringAnswer) bool { return a.Status == "ideal" && a.Counts["active"] >= before+2 })
	second := strings.NewReplacer("name: short", "name: second", "members: 10", "members: 6", "phases:\n", "phases: [{at: 5s, join: 1}]\n", "- {", "# {").Replace(shortScenario)
	if status, answer := r.call("POST", "/api/simulation", second); status/100 != 2 {
		t.Fatalf("second scenario: %d %s", status, answer)
	}
	r.over()
	var report struct {
		Verdict  string
		Scenario struct{ Name string }
	}
	r.ask("GET", "/api/simulation/report", "", http.StatusOK, &report)
	if report.Verdict != "passed" || report.Scenario.Name != "second" {
		t.Errorf("%+v", report)
	}
	r.ideal(7)
	if code := r.end(); code != exitOK {
		t.Errorf("exit %d: %s", code, r.err)
	}
}

// A flag that has no meaning in a simulated world, or an invalid value of --speed, is rejected in one line that names
// the flag.
func TestSpeedFlags(t *testing.T) {
	for _, c := range []struct {
		args string
		want string
	}{
		{"--speed fast", `--speed "fast"`},
		{"--speed 0", `--speed "0"`},
		{"--speed 101", `--speed "101"`},
		{"--speed NaN", `--speed "NaN"`},
		{"--speed virtual --scenario none", "needs a scenario"},
		{"--speed 10 --data-dir x", "--data-dir"},
		{"--speed 10 --otlp-grpc 127.0.0.1:0", "--otlp-grpc"},
		{"--speed virtual --forward-traces http://127.0.0.1:1", "--forward-traces"},
		{"--speed virtual --server-pin sha256:" + strings.Repeat("00", 32), "--server-pin"},
		{"run first-ring --speed 10", `--speed "10"`},
	} {
		var out, complaint bytes.Buffer
		code := execute(t.Context(), append(strings.Fields(c.args), map[bool][]string{true: {"--http", "127.0.0.1:0"}}[!strings.HasPrefix(c.args, "run")]...), &out, &complaint)
		if text := complaint.String(); code != exitUsage || !strings.Contains(text, c.want) || strings.Count(text, "\n") != 1 {
			t.Errorf("%s: exit %d, %q", c.args, code, text)
		}
	}
}
