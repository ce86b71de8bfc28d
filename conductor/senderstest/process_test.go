package senderstest

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

var program = flag.String("conductor", "", "the program to test; empty: it is built")

// build builds the program once for all tests.
var build = sync.OnceValues(func() (string, error) {
	if *program != "" {
		return *program, nil
	}
	dir, err := os.MkdirTemp("", "senderstest")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "conductor")
	if out, err := exec.Command("go", "build", "-o", path, "chordconductor/conductor").CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the conductor: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	if flag.Parse(); *limitOfSenders > 0 {
		beSenders()
		return
	}
	code := m.Run()
	if path, err := build(); err == nil && *program == "" {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// A conductor is a process under test.
type conductor struct {
	cmd        *exec.Cmd
	page, otlp string // host:port of the page and of OTLP/HTTP
	done       chan struct{}
	err        error // of the process; valid once done is closed
}

var ports = regexp.MustCompile(`page +http://([^/\s]+)|HTTP (127\.0\.0\.1:\d+)`)

// startConductor starts a conductor with a limit of memory. It forwards telemetry to addresses where nothing listens.
func startConductor(t *testing.T, limit string, args ...string) *conductor {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	c := &conductor{done: make(chan struct{})}
	c.cmd = exec.Command(path, append([]string{
		"--scenario", "none", "--http", "127.0.0.1:0", "--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0", "--memory", limit,
		"--forward-traces", "127.0.0.1:9", "--forward-logs", "127.0.0.1:9", "--forward-metrics", "http://127.0.0.1:9",
	}, args...)...)
	c.cmd.Env = append(os.Environ(), "GOMEMLIMIT=", "OTEL_SDK_DISABLED=true")
	var output tailBuffer
	c.cmd.Stderr = &output
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for (c.page == "" || c.otlp == "") && lines.Scan() {
		for _, found := range ports.FindAllStringSubmatch(lines.Text(), -1) {
			if found[1] != "" {
				c.page = found[1]
			} else {
				c.otlp = found[2]
			}
		}
	}
	go func() {
		_, _ = io.Copy(io.Discard, out)
		c.err = c.cmd.Wait()
		close(c.done)
	}()
	t.Cleanup(func() {
		_ = c.cmd.Process.Kill()
		<-c.done
		if t.Failed() {
			t.Logf("the conductor's last output:\n%s", output.String())
		}
	})
	if c.page == "" || c.otlp == "" {
		t.Fatalf("the conductor did not print its addresses: %s", output.String())
	}
	return c
}

// peak returns the most memory that the process has had, as the system counts it (resident set); 0 if the system does
// not report it.
func (c *conductor) peak() int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, found := strings.CutPrefix(line, "VmHWM:"); found {
			n, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return n << 10
		}
	}
	return 0
}

func (c *conductor) runs() error {
	select {
	case <-c.done:
		return fmt.Errorf("the conductor has ended: %v", c.err)
	default:
		return nil
	}
}

// get sends a request to the page's port.
func (c *conductor) get(client *http.Client, path string) (int, []byte, error) {
	resp, err := client.Get("http://" + c.page + path)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, body, err
}

// tailBuffer keeps the end of what is written.
type tailBuffer struct {
	mu  sync.Mutex
	buf []byte
}

func (b *tailBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.buf = append(b.buf, p...)
	if len(b.buf) > 64<<10 {
		b.buf = bytes.Clone(b.buf[len(b.buf)-8<<10:])
	}
	return len(p), nil
}

func (b *tailBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.buf[max(0, len(b.buf)-8<<10):])
}

// newClient returns a client with connections of its own.
func newClient(limit time.Duration) *http.Client {
	return &http.Client{Timeout: limit, Transport: &http.Transport{MaxIdleConnsPerHost: 100, DisableCompression: true}}
}
