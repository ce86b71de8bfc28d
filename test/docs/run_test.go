package docs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"chordconductor/test/internal/polltest"
)

// elsewhere lists the blocks of commands that these tests do not run, by their first words, with the test that runs them.
var elsewhere = map[string]string{
	"make test":         "the continuous run",
	"docker compose up": "test/e2e, TestCompose",
}

// section returns the part of a page under a heading.
func section(t *testing.T, page, heading string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, page))
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(text), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("%s has no section %q", page, heading)
	}
	body, _, _ := strings.Cut(after, "\n## ")
	return body
}

// A script is a block of commands that runs in its own shell, with the processes that it leaves in the background.
type script struct {
	cmd  *exec.Cmd
	mu   sync.Mutex
	buf  bytes.Buffer // guarded by mu
	done chan struct{}
	err  error // valid once done is closed
}

func (s *script) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(p)
}

func (s *script) output() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

// begin starts a block of commands, which is killed at the test's end if it still runs.
func begin(t *testing.T, dir, block string, env ...string) *script {
	t.Helper()
	s := &script{cmd: exec.Command("bash", "-euo", "pipefail", "-c", block), done: make(chan struct{})}
	s.cmd.Dir, s.cmd.Env = dir, append(os.Environ(), env...)
	s.cmd.Stdout, s.cmd.Stderr = s, s
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	s.cmd.WaitDelay = time.Second // processes in the background keep the output open
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		s.err = s.cmd.Wait()
		close(s.done)
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
		<-s.done
		if t.Failed() {
			t.Logf("%s\nprinted:\n%s", block, s.output())
		}
	})
	return s
}

// ends waits until a script has ended, which must be with exit code 0.
func (s *script) ends(t *testing.T, limit time.Duration) {
	t.Helper()
	select {
	case <-s.done:
	case <-time.After(limit):
		t.Fatalf("still running after %v", limit)
	}
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		t.Fatalf("exit %d", code)
	}
}

// active returns how many members are active, from a conductor's API; ask has curl's arguments.
func active(ask ...string) (n int, err error) {
	out, err := exec.Command("curl", append([]string{"--silent", "--fail", "--max-time", "5"}, ask...)...).Output()
	if err != nil {
		return 0, fmt.Errorf("curl %v: %w", ask, err)
	}
	var ring struct {
		Nodes []struct{ Status string }
	}
	if err := json.Unmarshal(out, &ring); err != nil {
		return 0, err
	}
	for _, node := range ring.Nodes {
		if node.Status == "active" {
			n++
		}
	}
	return n, nil
}

func untilActive(t *testing.T, limit time.Duration, want int, ask ...string) {
	t.Helper()
	polltest.Passes(t, limit, fmt.Sprintf("%d members are active", want), func() error {
		n, err := active(ask...)
		if err == nil && n != want {
			err = fmt.Errorf("%d are", n)
		}
		return err
	})
}

// The first command of the README works, and so do the README's commands that start single nodes.
func TestReadme(t *testing.T) {
	const api = "http://127.0.0.1:4321/api/ring"
	t.Run("Start", func(t *testing.T) {
		demo := begin(t, root, blocks(section(t, "README.md", "Start"), "sh")[0])
		untilActive(t, 5*time.Minute, 32, api)                                      // with an empty build cache everything is compiled first
		if err := syscall.Kill(-demo.cmd.Process.Pid, syscall.SIGINT); err != nil { // as Ctrl-C, which signals the whole process group
			t.Fatal(err)
		}
		select {
		case <-demo.done:
		case <-time.After(15 * time.Second):
			t.Error("Ctrl-C does not end it")
		}
	})
	t.Run("Nodes by hand", func(t *testing.T) {
		hand := begin(t, root, blocks(section(t, "README.md", "Nodes by hand"), "sh")[0])
		hand.ends(t, 3*time.Minute)
		for _, want := range []string{"replicas: 2", "\nhigh", "owner ", "trace "} {
			if !strings.Contains(hand.output(), want) {
				t.Errorf("no %q printed", want)
			}
		}
		untilActive(t, time.Minute, 5, api)
	})
}

var machine = regexp.MustCompile(`\b(conductor|gateway|host-[ab])\.example:`)

// All commands of the page's section on many machines work, over mutual TLS and with a Collector as gateway. The
// machines' names resolve to this machine. The Collector is Jaeger's program, which is a distribution of it.
func TestManyMachines(t *testing.T) {
	dir, bin := t.TempDir(), t.TempDir()
	link := func(target, name string) {
		t.Helper()
		target, err := filepath.Abs(target)
		if err == nil {
			err = os.Symlink(target, name)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	collector, err := exec.LookPath("jaeger")
	if err != nil {
		t.Fatalf("needs a Collector: %v", err)
	}
	link(collector, filepath.Join(bin, "otelcol"))
	link(filepath.Join(root, "bin/conductor"), filepath.Join(bin, "conductor"))
	link(filepath.Join(root, "bin/node"), filepath.Join(bin, "node"))
	link(filepath.Join(root, "otel"), filepath.Join(dir, "otel"))
	env := "PATH=" + bin + ":" + os.Getenv("PATH")

	shown := blocks(section(t, "docs/deploy.md", "Many machines"), "sh")
	if len(shown) != 6 {
		t.Fatalf("%d blocks of commands; expected certificates, conductor, gateway, two hosts and a check", len(shown))
	}
	for i := range shown {
		shown[i] = machine.ReplaceAllString(shown[i], "localhost:")
	}
	begin(t, dir, strings.ReplaceAll(shown[0], "DNS:%s", "DNS:localhost,DNS:%s"), env).ends(t, time.Minute)
	token, err := os.ReadFile(filepath.Join(dir, "chord.token"))
	if err != nil {
		t.Fatal(err)
	}
	ask := []string{"--cacert", filepath.Join(dir, "ca.pem"), "--header", "Authorization: Bearer " + strings.TrimSpace(string(token)), "https://localhost:4321/api/ring"}
	for _, server := range shown[1:4] {
		begin(t, dir, server, env)
	}
	untilActive(t, time.Minute, 8, ask...)
	begin(t, dir, shown[4], env)
	untilActive(t, time.Minute, 16, ask...)

	check := begin(t, dir, shown[5], env)
	check.ends(t, time.Minute)
	for _, want := range []string{"on the ring", "replicas: 2", "\nhigh", "ready\n", `"ids"`} {
		if !strings.Contains(check.output(), want) {
			t.Errorf("no %q printed", want)
		}
	}
	untilActive(t, time.Minute, 17, ask...)

	t.Run("calls without a certificate are refused", func(t *testing.T) {
		for _, command := range []string{
			"node get --addr localhost:7001 --timeout 3s tide",
			"node status --addr localhost:7002 --timeout 3s",
			"curl --silent --fail --cacert ca.pem https://localhost:4321/api/ring",
			`curl --silent --fail --cacert ca.pem --header "Content-Type: application/json" --data '{}' https://localhost:4318/v1/logs`,
			`curl --silent --fail --cacert ca.pem --header "Content-Type: application/json" --data '{}' https://localhost:14318/v1/logs`,
		} {
			s := begin(t, dir, command, env)
			<-s.done
			if s.cmd.ProcessState.ExitCode() == 0 {
				t.Errorf("%s: succeeded and printed %s", command, s.output())
			}
		}
	})
}

// Every block of commands on these pages is run, here or by the tests that elsewhere names.
func TestEveryBlockIsRun(t *testing.T) {
	run := map[string]bool{}
	for _, s := range []string{section(t, "README.md", "Start"), section(t, "README.md", "Nodes by hand"), section(t, "docs/deploy.md", "Many machines"), whole(t, emitter)} {
		for _, b := range blocks(s, "sh") {
			run[b] = true
		}
	}
	for _, page := range []string{"README.md", "CONTRIBUTING.md", emitter, "docs/deploy.md", "docs/operations.md"} {
		text, err := os.ReadFile(filepath.Join(root, page))
		if err != nil {
			t.Fatal(err)
		}
	nextBlock:
		for _, b := range blocks(string(text), "sh") {
			for begins := range elsewhere {
				if strings.HasPrefix(b, begins) {
					continue nextBlock
				}
			}
			if !run[b] {
				t.Errorf("%s: nothing runs\n%s", page, b)
			}
		}
	}
}
