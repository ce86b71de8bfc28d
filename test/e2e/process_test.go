package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// root is the repository's root, from this package's folder.
const root = "../.."

func binary(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(root, "bin", name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v (run `make build` first)", err)
	}
	return path
}

func onPath(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("the end-to-end suite needs a real %s: %v", name, err)
	}
	return path
}

// A process is a program under test, killed at the test's end if it still runs.
type process struct {
	t    *testing.T
	name string
	cmd  *exec.Cmd
	out  output
	done chan struct{}
	err  error // of Wait; valid once done is closed
}

// output collects what a process prints on both streams, up to a bound.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.buf.Len() < 1<<20 {
		o.buf.Write(p)
	}
	return len(p), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

func start(t *testing.T, env []string, path string, args ...string) *process {
	t.Helper()
	p := &process{t: t, name: filepath.Base(path), cmd: exec.Command(path, args...), done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", path, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s %s printed:\n%s", p.name, strings.Join(args, " "), tail(p.out.String(), 4000))
		}
	})
	return p
}

func tail(s string, n int) string {
	if len(s) > n {
		return "…" + s[len(s)-n:]
	}
	return s
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// stop sends SIGINT, and returns the exit code and how long the process took to end.
func (p *process) stop(limit time.Duration) (code int, took time.Duration) {
	p.t.Helper()
	begin := time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil {
		p.t.Fatalf("%s: %v; it printed:\n%s", p.name, err, p.out.String())
	}
	select {
	case <-p.done:
	case <-time.After(limit):
		p.t.Fatalf("%s still runs %v after SIGINT; it printed:\n%s", p.name, limit, tail(p.out.String(), 4000))
	}
	return p.cmd.ProcessState.ExitCode(), time.Since(begin)
}

// run runs a program to its end, and returns its exit code and output.
func run(t *testing.T, env []string, path string, args ...string) (code int, out string) {
	t.Helper()
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), env...)
	var buf output
	cmd.Stdout, cmd.Stderr = &buf, &buf
	timer := time.AfterFunc(60*time.Second, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("running %s %v: %v", path, args, err)
	}
	return cmd.ProcessState.ExitCode(), buf.String()
}

// freePorts returns n free ports below the range from which systems assign ports: a port of that range may soon belong
// to another process, and then a program could not start again at its old port.
func freePorts(t *testing.T, n int) []int {
	t.Helper()
	var ports []int
	for range 100 * n {
		port := 20_000 + rand.IntN(12_000)
		l, err := net.Listen("tcp", local(port))
		if err != nil {
			continue // taken
		}
		defer l.Close()
		if ports = append(ports, port); len(ports) == n {
			return ports
		}
	}
	t.Fatalf("only %d of %d free ports", len(ports), n)
	return nil
}

func local(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
