package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"chordconductor/internal/certtest"
	"chordconductor/internal/polltest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"), // the tests' own client
		goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"),
	)
}

// running is a conductor that runs: the whole program, in this process.
type running struct {
	t    *testing.T
	url  string
	out  *lines
	err  *bytes.Buffer
	stop context.CancelFunc
	code chan int
}

// lines is the program's standard output; a test waits for a line of it.
type lines struct{ *io.PipeReader }

// runConductor runs the program on free ports until the test ends.
func runConductor(t *testing.T, args ...string) *running {
	t.Helper()
	return runProgram(t, append([]string{"--http", "127.0.0.1:0", "--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0"}, args...)...)
}

// runProgram runs a command that serves the page.
func runProgram(t *testing.T, args ...string) *running {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	read, write := io.Pipe()
	r := &running{t: t, out: &lines{read}, err: new(bytes.Buffer), stop: stop, code: make(chan int, 1)}
	go func() {
		code := execute(ctx, args, write, r.err)
		write.Close()
		r.code <- code
	}()
	t.Cleanup(func() { r.end() })
	page := regexp.MustCompile(`page +(http\S+)`)
	scanner := bufio.NewScanner(read)
	for scanner.Scan() {
		if m := page.FindStringSubmatch(scanner.Text()); m != nil {
			r.url = m[1]
			go io.Copy(io.Discard, read)
			return r
		}
	}
	t.Fatalf("no page in the banner: exit %d, %s", <-r.code, r.err)
	return nil
}

// end ends the program as Ctrl-C does, and returns its exit code. test/e2e measures how long that takes, on a machine
// that does nothing else.
func (r *running) end() (code int) {
	r.stop()
	select {
	case code = <-r.code:
		r.code <- code
	case <-time.After(3 * time.Minute):
		r.t.Fatal("the program does not end")
	}
	http.DefaultClient.CloseIdleConnections()
	return code
}

func (r *running) call(method, path, body string) (status int, answer string) {
	r.t.Helper()
	base, _, _ := strings.Cut(r.url, "#")
	request, err := http.NewRequest(method, strings.TrimSuffix(base, "/")+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	if _, token, ok := strings.Cut(r.url, "#token="); ok {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// ask sends a request and decodes the answer, which must have the given status.
func (r *running) ask(method, path, body string, status int, v any) {
	r.t.Helper()
	got, text := r.call(method, path, body)
	if got != status {
		r.t.Fatalf("%s %s: %d %s, want %d", method, path, got, text, status)
	}
	if err := json.Unmarshal([]byte(text), v); err != nil {
		r.t.Fatalf("%s %s: %v in %s", method, path, err, text)
	}
}

type ringAnswer struct {
	Seq    uint64
	Status string
	Error  int
	Counts map[string]int
	Nodes  []struct {
		ID, Status, Host string
		Keys             int
	}
}

func (a ringAnswer) statusOf(id string) string {
	for _, n := range a.Nodes {
		if n.ID == id {
			return n.Status
		}
	}
	return ""
}

// until waits for a state of the ring view.
func (r *running) until(what string, cond func(ringAnswer) bool) ringAnswer {
	r.t.Helper()
	var a ringAnswer
	found := false
	defer func() {
		if !found {
			_, events := r.call("GET", "/api/events?limit=60", "")
			r.t.Logf("last events: %s", events)
		}
	}()
	polltest.Passes(r.t, what, func() error {
		a = ringAnswer{}
		if r.ask("GET", "/api/ring", "", http.StatusOK, &a); !cond(a) {
			return fmt.Errorf("the ring is %s, error %d, %v", a.Status, a.Error, a.Counts)
		}
		return nil
	})
	found = true
	return a
}

func (r *running) ideal(active int) ringAnswer {
	r.t.Helper()
	return r.until(fmt.Sprintf("an ideal ring of %d", active), func(a ringAnswer) bool {
		return a.Status == "ideal" && a.Counts["active"] == active
	})
}

// The demo ring, from the first member to Ctrl-C, with commands and observations through the API, as a user makes them.
// The view's sequence number, which counts events, shows that the view comes from telemetry alone.
func TestDemo(t *testing.T) {
	r := runConductor(t)
	first := r.ideal(32)

	var added struct{ IDs []string }
	r.ask("POST", "/api/nodes", `{"count":2}`, http.StatusAccepted, &added)
	if len(added.IDs) != 2 {
		t.Fatalf("added %v", added.IDs)
	}
	r.until("the new members are on the ring", func(a ringAnswer) bool {
		return a.statusOf(added.IDs[0]) == "active" && a.statusOf(added.IDs[1]) == "active"
	})
	r.ideal(34)

	leaver, victim := first.Nodes[3].ID, first.Nodes[17].ID
	var gone struct{ IDs []string }
	r.ask("POST", "/api/nodes/"+leaver+"/leave", "", http.StatusAccepted, &gone)
	r.until("the leaver has left", func(a ringAnswer) bool { return a.statusOf(leaver) == "left" })
	r.ask("POST", "/api/nodes/"+victim+"/crash", "", http.StatusAccepted, &gone)
	r.until("the crashed member has failed", func(a ringAnswer) bool { return a.statusOf(victim) == "failed" })
	r.ideal(32)
	if status, body := r.call("POST", "/api/nodes/"+victim+"/leave", ""); status != http.StatusNotFound {
		t.Errorf("a dead member was ordered to leave: %d %s", status, body)
	}

	if status, body := r.call("PUT", "/api/keys/harbour%2Flight", "value"); status != http.StatusOK || !strings.Contains(body, `"copies":3`) {
		t.Errorf("put: %d %s", status, body)
	}
	if status, body := r.call("GET", "/api/keys/harbour%2Flight", ""); status != http.StatusOK || body != "value" {
		t.Errorf("get: %d %s", status, body)
	}
	if status, body := r.call("DELETE", "/api/keys/harbour%2Flight", ""); status != http.StatusOK {
		t.Errorf("delete: %d %s", status, body)
	}
	if status, body := r.call("GET", "/api/keys/harbour%2Flight", ""); status != http.StatusNotFound {
		t.Errorf("get of a deleted key: %d %s", status, body)
	}
	var found struct {
		Owner, TraceID string
		Hops           []struct{ ID string }
	}
	from := r.ideal(32).Nodes[0].ID
	r.ask("POST", "/api/lookups", `{"key":"harbour","from":"`+from+`","mode":"iterative"}`, http.StatusOK, &found)
	if len(found.Hops) == 0 || found.Hops[0].ID != from || found.Hops[len(found.Hops)-1].ID != found.Owner {
		t.Errorf("lookup: %+v", found)
	}

	for _, path := range []string{"/", "/api/events", "/api/stats", "/api/lookups", "/api/simulation", "/api/simulation/report"} {
		if status, body := r.call("GET", path, ""); status != http.StatusOK {
			t.Errorf("GET %s: %d %s", path, status, body)
		}
	}
	if code := r.end(); code != exitOK {
		t.Errorf("exit %d", code)
	}
	if r.err.Len() > 0 {
		t.Errorf("printed on stderr: %s", r.err)
	}
}

// A simulation through the API is rejected while another one runs, is stopped, and is reported.
func TestSimulationThroughTheAPI(t *testing.T) {
	r := runConductor(t, "--scenario", "none")
	if status, body := r.call("POST", "/api/nodes", `{"count":1}`); status != http.StatusServiceUnavailable {
		t.Errorf("a node on no host: %d %s", status, body)
	}
	source := "name: small\nring: {members: 10, successors: 3, transport: memory}\ntiming: {stabilize: 100ms}\nworkload: {rate: 50/s}\nduration: 1h\n"
	var state struct {
		Running  bool
		Scenario string
	}
	r.ask("POST", "/api/simulation", source, http.StatusAccepted, &state)
	if !state.Running || state.Scenario != "small" {
		t.Errorf("started: %+v", state)
	}
	if status, body := r.call("POST", "/api/simulation", source); status != http.StatusConflict {
		t.Errorf("a second one: %d %s", status, body)
	}
	members := r.ideal(10)
	var ids struct{ IDs []string }
	r.ask("POST", "/api/partitions", fmt.Sprintf(`{"groups":[[%q,%q]]}`, members.Nodes[0].ID, members.Nodes[1].ID), http.StatusAccepted, &ids)
	r.until("the partition is seen", func(a ringAnswer) bool { return a.Status != "ideal" })
	r.ask("DELETE", "/api/partitions", "", http.StatusAccepted, &ids)
	if len(ids.IDs) != 2 {
		t.Errorf("healed %v", ids.IDs)
	}
	r.ideal(10)
	r.ask("DELETE", "/api/simulation", "", http.StatusAccepted, &state)
	if state.Running {
		t.Error("it runs after it was stopped")
	}
	if status, _ := r.call("DELETE", "/api/simulation", ""); status != http.StatusConflict {
		t.Errorf("stopped twice: %d", status)
	}
	var report struct{ Verdict string }
	r.ask("GET", "/api/simulation/report", "", http.StatusOK, &report)
	if report.Verdict != "unfinished" {
		t.Errorf("verdict %q", report.Verdict)
	}
	r.ideal(10) // the ring continues
}

// A replay shows what was recorded, and accepts no commands. A truncated file is played to its last whole message.
func TestRecordAndReplay(t *testing.T) {
	dir := t.TempDir()
	file, source := filepath.Join(dir, "ring.otlp"), filepath.Join(dir, "small.yaml")
	if err := os.WriteFile(source, []byte("name: small\nring: {members: 6, successors: 3, transport: memory}\ntiming: {stabilize: 100ms}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := runConductor(t, "--scenario", source, "--record", file)
	recorded := r.ideal(6)
	if code := r.end(); code != exitOK {
		t.Fatalf("exit %d: %s", code, r.err)
	}

	again := runProgram(t, "replay", file, "--http", "127.0.0.1:0", "--speed", "100")
	played := again.until("the ring of the recording, in which all members leave at the end", func(a ringAnswer) bool { return a.Counts["left"] == 6 })
	for _, n := range recorded.Nodes {
		if played.statusOf(n.ID) != "left" {
			t.Errorf("member %s is %q in the replay", n.ID, played.statusOf(n.ID))
		}
	}
	if status, _ := again.call("POST", "/api/nodes", `{"count":1}`); status != http.StatusConflict {
		t.Errorf("a node was added to a recording: %d", status)
	}
	if code := again.end(); code != exitOK {
		t.Errorf("exit %d: %s", code, again.err)
	}

	slow := runProgram(t, "replay", file, "--http", "127.0.0.1:0", "--paused")
	var state struct {
		Events        int
		Paused, Ended bool
	}
	slow.ask("GET", "/api/replay", "", http.StatusOK, &state)
	if !state.Paused || state.Events != 0 {
		t.Errorf("a replay that begins paused: %+v", state)
	}
	for range 3 {
		slow.ask("POST", "/api/replay/step", "", http.StatusAccepted, &state)
	}
	slow.ask("POST", "/api/replay/step", `{"events":4}`, http.StatusAccepted, &state)
	slow.until("the view has what was stepped over", func(a ringAnswer) bool { return a.Seq == 7 })
	if !state.Paused || state.Events != 7 {
		t.Errorf("after seven events: %+v", state)
	}
	slow.ask("PUT", "/api/replay", `{"paused":false,"speed":100}`, http.StatusAccepted, &state)
	slow.until("the rest", func(a ringAnswer) bool { return a.Counts["left"] == 6 })
	if code := slow.end(); code != exitOK {
		t.Errorf("exit %d: %s", code, slow.err)
	}

	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	truncated := filepath.Join(dir, "truncated.otlp")
	if err := os.WriteFile(truncated, data[:len(data)-3], 0o600); err != nil {
		t.Fatal(err)
	}
	short := runProgram(t, "replay", truncated, "--http", "127.0.0.1:0", "--speed", "100")
	var ends struct {
		Ended  bool
		Damage string
	}
	polltest.Until(t, "the replay has ended", func() bool {
		short.ask("GET", "/api/replay", "", http.StatusOK, &ends)
		return ends.Ended
	})
	if !strings.Contains(ends.Damage, "the file ends within a message") {
		t.Errorf("a truncated file: %+v", ends)
	}
	short.until("the messages before the truncation", func(a ringAnswer) bool { return len(a.Nodes) == 6 })
	if code := short.end(); code != exitOK || !regexp.MustCompile(`truncated.otlp: at byte \d+: the file ends within a message.*the messages before that are shown`).MatchString(short.err.String()) {
		t.Errorf("exit %d: %s", code, short.err)
	}
	for name, test := range map[string]struct {
		data []byte
		code int
		want string
	}{
		"foreign.otlp": {[]byte("PNG and so on"), exitUsage, "foreign.otlp: at byte 0: .*not a recording"},
		"empty.otlp":   {nil, exitUsage, "empty.otlp: the recording has no events"},
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, test.data, 0o600); err != nil {
			t.Fatal(err)
		}
		var out, complaint bytes.Buffer
		code := execute(t.Context(), []string{"replay", path, "--http", "127.0.0.1:0", "--speed", "100"}, &out, &complaint)
		if code != test.code || !regexp.MustCompile(test.want).MatchString(complaint.String()) {
			t.Errorf("%s: exit %d, %s; want %d, %s", name, code, &complaint, test.code, test.want)
		}
	}
}

// The history in --data-dir continues after a restart, and the forwarding queues do, too.
func TestDataDir(t *testing.T) {
	dir := t.TempDir()
	source := filepath.Join(t.TempDir(), "small.yaml")
	if err := os.WriteFile(source, []byte("name: small\nring: {members: 6, successors: 3, transport: memory}\ntiming: {stabilize: 100ms}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	flags := []string{"--data-dir", dir, "--forward-traces", "127.0.0.1:1", "--scenario"}
	r := runConductor(t, append(flags, source)...)
	r.ideal(6)
	seen := time.Now().UTC().Format(time.RFC3339Nano)
	if code := r.end(); code != exitOK {
		t.Errorf("exit %d: %s", code, r.err)
	}
	r = runConductor(t, append(flags, "none")...)
	var then ringAnswer
	r.ask("GET", "/api/ring?at="+seen, "", http.StatusOK, &then)
	if then.Status != "ideal" || then.Counts["active"] != 6 {
		t.Errorf("the past after a restart: %s %v", then.Status, then.Counts)
	}
	var out, complaint bytes.Buffer
	code := execute(t.Context(), []string{"--http", "127.0.0.1:0", "--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0", "--scenario", "none", "--data-dir", dir}, &out, &complaint)
	if code != exitUsage || !strings.Contains(complaint.String(), dir) {
		t.Errorf("a second conductor on one directory: exit %d, %s", code, &complaint)
	}
}

// Off loopback a token is made at the start and printed in the fragment of the page's URL.
func TestTokenOffLoopback(t *testing.T) {
	r := runConductor(t, "--scenario", "none", "--http", "0.0.0.0:0")
	if !regexp.MustCompile(`^http://localhost:\d+/#token=[\w-]{43}$`).MatchString(r.url) {
		t.Errorf("banner with %q", r.url)
	}
	if status, _ := r.call("GET", "/api/ring", ""); status != http.StatusOK {
		t.Errorf("with the token: %d", status)
	}
	r.url, _, _ = strings.Cut(r.url, "#")
	if status, _ := r.call("GET", "/api/ring", ""); status != http.StatusUnauthorized {
		t.Errorf("without: %d", status)
	}
	var health bytes.Buffer
	if code := execute(t.Context(), []string{"health", "--url", r.url}, &health, &health); code != exitOK || health.String() != "ready\n" {
		t.Errorf("health: %d %s", code, &health)
	}
}

func TestUsage(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().String()
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.yaml")
	endless, empty := filepath.Join(dir, "endless.yaml"), filepath.Join(dir, "empty.yaml")
	for name, text := range map[string]string{bad: "name: x\nring:\n  membres: 3\n", endless: "name: x\n", empty: "# nothing yet\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	free := []string{"--http", "127.0.0.1:0", "--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0", "--scenario", "none"}
	pair := certtest.New(t).Issue("conductor", "127.0.0.1")
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{append(free, "--http", port), 2, "page and API: address " + port + " is already in use.*--http"},
		{append(free, "--otlp-grpc", port), 2, port + ".*in use"},
		{append(free, "--otlp-http", port), 2, port + ".*in use"},
		{append(free, "--memory", "256"), 2, `256 bytes of memory \(--memory\) is too little: the conductor needs 128 MiB`},
		{append(free, "--memory", "100MiB"), 2, `100 MiB of memory \(--memory\) is too little: the conductor needs 128 MiB`},
		{append(free, "--memory", "much"), 2, `--memory "much": expected a size such as 512MiB`},
		{append(free, "--http", "host"), 2, `--http "host": expected HOST:PORT`},
		{append(free, "--otlp-grpc", "127.0.0.1:http2"), 2, `--otlp-grpc "127.0.0.1:http2": "http2" is not a port number`},
		{append(free, "--jaeger-ui", "localhost"), 2, `--jaeger-ui "localhost": expected a URL`},
		{append(free, "--tls-cert", "x"), 2, `--tls-cert and --tls-key must be set together`},
		{append(free, "--tls-cert", "/no/cert.pem", "--tls-key", pair.Key), 2, "--tls-cert.*/no/cert.pem: no such file or directory"},
		{append(free, "--tls-cert", pair.Cert, "--tls-key", pair.Key, "--tls-client-ca", "/no/ca.pem"), 2, "--tls-client-ca.*/no/ca.pem: no such file or directory"},
		{append(free, "--tls-cert", pair.Cert, "--tls-key", pair.Key, "--tls-client-ca", pair.Key), 2, "--tls-client-ca .*: no certificate in PEM form"},
		{[]string{"--no-such-flag"}, 2, "unknown flag: --no-such-flag; --help lists the flags"},
		{[]string{"walk"}, 2, `unknown command "walk"; conductor --help lists them`},
		{[]string{"--scenario", "/no/such/file.yaml"}, 2, "scenario: stat /no/such/file.yaml: no such file or directory"},
		{[]string{"--scenario", "no-such"}, 2, `no such scenario: "no-such"; the shipped scenarios are adjacent-crashes, `},
		{[]string{"run"}, 2, "expected one scenario"},
		{[]string{"run", bad}, 2, "bad.yaml:3: ring.membres: unknown field"},
		{[]string{"run", empty}, 2, "empty.yaml: the file is empty"},
		{[]string{"--scenario", empty}, 2, "empty.yaml: the file is empty"},
		{[]string{"run", endless}, 2, "a scenario without a duration never ends"},
		{[]string{"run", "first-ring", "--speed", "fast"}, 2, `--speed "fast": expected real or virtual`},
		{[]string{"run", "first-ring", "--report", dir}, 2, "is a directory"},
		{[]string{"run", "first-ring", "--report", bad, "--json", bad}, 2, "--report and --json name the same file"},
		{[]string{"run", "first-ring", "--report", bad, "--record", bad}, 2, "--record and --report name the same file"},
		{[]string{"scenarios", "no-such"}, 2, "no such scenario"},
		{[]string{"health", "--url", "http://" + port + "0"}, 1, "not healthy"},
		{[]string{"health", "--ca", bad}, 2, "no certificate in PEM form"},
	} {
		var out, complaint bytes.Buffer
		code := execute(t.Context(), test.args, &out, &complaint)
		text := strings.TrimSpace(complaint.String())
		if code != test.code || !regexp.MustCompile(test.want).MatchString(text) || strings.Contains(text, "\n") || out.Len() > 0 {
			t.Errorf("%v: exit %d, %q, printed %q; want %d, one line like %q", test.args, code, text, &out, test.code, test.want)
		}
	}
}

func TestHelpAndLists(t *testing.T) {
	for _, test := range []struct {
		args []string
		want []string
	}{
		{[]string{"--help"}, []string{"demo ring of 32", "conductor run adjacent-crashes", "--forward-traces", "--token", "scenarios"}},
		{[]string{"run", "--help"}, []string{"exit code is 0", "--speed", "--seed"}},
		{[]string{"--version"}, []string{"conductor "}},
		{[]string{"scenarios"}, []string{"flash-crowd\n", "Look at the ring error", "table-iii-churn"}},
		{[]string{"scenarios", "churn-demo"}, []string{"name: churn-demo", "adjacent: true"}},
		{[]string{"completion", "bash"}, []string{"__start_conductor"}},
	} {
		var out, complaint bytes.Buffer
		if code := execute(t.Context(), test.args, &out, &complaint); code != exitOK {
			t.Errorf("%v: exit %d, %s", test.args, code, &complaint)
		}
		for _, part := range test.want {
			if !strings.Contains(out.String(), part) {
				t.Errorf("%v does not contain %q:\n%s", test.args, part, &out)
			}
		}
	}
}

// Two runs of one seed in virtual time give the same report, except for the environment.
func TestRunVirtual(t *testing.T) {
	dir := t.TempDir()
	once := func(name string, extra ...string) (code int, report map[string]any, html string) {
		jsonFile, htmlFile := filepath.Join(dir, name+".json"), filepath.Join(dir, name+".html")
		var out, progress bytes.Buffer
		code = execute(t.Context(), append([]string{"run", "adjacent-crashes", "--speed", "virtual", "--json", jsonFile, "--report", htmlFile}, extra...), &out, &progress)
		text, err := os.ReadFile(jsonFile)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &report); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), "lost_keys") || !strings.Contains(progress.String(), "crash 2 adjacent") {
			t.Errorf("summary:\n%s\nprogress:\n%s", &out, &progress)
		}
		page, err := os.ReadFile(htmlFile)
		if err != nil {
			t.Fatal(err)
		}
		delete(report, "environment")
		return code, report, string(page)
	}
	code, one, page := once("one")
	_, two, _ := once("two")
	_, other, _ := once("other", "--seed", "99")
	encoded := func(v any) string { b, _ := json.Marshal(v); return string(b) }
	if code != exitOK || one["verdict"] != "passed" {
		t.Errorf("exit %d, verdict %v: %s", code, one["verdict"], encoded(one["expectations"]))
	}
	if encoded(one) != encoded(two) {
		t.Error("two runs of one seed differ")
	}
	if encoded(one["timeline"]) == encoded(other["timeline"]) {
		t.Error("another seed changes nothing")
	}
	if strings.Contains(page, "http://") && !strings.Contains(page, "xmlns") || strings.Contains(page, "<script") || strings.Contains(page, "src=") {
		t.Error("the page needs something from elsewhere")
	}
}

// A run that is interrupted exits 1, and reports what it has measured until then.
func TestRunInterrupted(t *testing.T) {
	dir := t.TempDir()
	file, report := filepath.Join(dir, "long.yaml"), filepath.Join(dir, "out.json")
	if err := os.WriteFile(file, []byte("name: long\nring: {members: 8}\nworkload: {rate: 20/s}\nduration: 24h\nexpect: {lost_keys: 0}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, interrupt := context.WithCancel(t.Context())
	var out bytes.Buffer
	complaint := &afterLines{n: 2, then: interrupt}
	code := execute(ctx, []string{"run", file, "--speed", "virtual", "--json", report}, &out, complaint)
	text, err := os.ReadFile(report)
	if code != exitFailed || err != nil || !bytes.Contains(text, []byte(`"verdict": "unfinished"`)) || !strings.HasSuffix(complaint.String(), "conductor: interrupted\n") {
		t.Errorf("exit %d, %v, stderr %q, report %.300s", code, err, complaint, text)
	}
}

// afterLines runs a function after a number of writes.
type afterLines struct {
	bytes.Buffer
	n    int
	then func()
}

func (w *afterLines) Write(p []byte) (int, error) {
	if w.n--; w.n == 0 {
		w.then()
	}
	return w.Buffer.Write(p)
}

// A run whose expectations do not hold exits 1.
func TestRunUnmet(t *testing.T) {
	file := filepath.Join(t.TempDir(), "hard.yaml")
	if err := os.WriteFile(file, []byte("name: hard\nring: {members: 12}\nworkload: {rate: 20/s}\nphases: [{at: 5s, crash: 2}]\nduration: 10s\nexpect: {mean_hops: 0, repaired_within: 1ms}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, complaint bytes.Buffer
	if code := execute(t.Context(), []string{"run", file, "--speed", "virtual"}, &out, &complaint); code != exitFailed || !strings.Contains(out.String(), "FAIL repaired_within") {
		t.Errorf("exit %d:\n%s", code, &out)
	}
}
