package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"chordconductor/internal/freeport"
	"chordconductor/internal/polltest"
)

// execute runs the program as main does, and returns its output and its error.
func execute(ctx context.Context, args ...string) (string, error) {
	var out bytes.Buffer
	cmd := newRoot(new(ending), new(options))
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	err := cmd.ExecuteContext(ctx)
	return out.String(), err
}

// start runs a host until the test ends or stop is called; stop returns the host's error.
func start(t *testing.T, args ...string) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		_, err := execute(ctx, args...)
		done <- err
	}()
	ended := false
	stop = func() error {
		cancel()
		if ended {
			return nil
		}
		ended = true
		return <-done
	}
	t.Cleanup(func() { stop() })
	return stop
}

// untilActive waits until the given number of members of a host are on the ring. The host is
// healthy as soon as the first one is.
func untilActive(t *testing.T, addr string, members int) {
	t.Helper()
	polltest.Passes(t, fmt.Sprintf("%d members of %s are active", members, addr), func() error {
		out, err := execute(t.Context(), "status", "--addr", addr)
		if err == nil && strings.Count(out, "active") != members {
			err = fmt.Errorf("status printed:\n%s", out)
		}
		return err
	})
}

// Two hosts: a key that is put through one is read through the other, and is still there after the
// first has left.
func TestProgram(t *testing.T) {
	t.Setenv("OTEL_SDK_DISABLED", "true")
	a, b := freeport.Address(t), freeport.Address(t)
	start(t, "--listen", a, "--virtual-nodes", "2", "--stabilize", "100ms")
	if out, err := execute(t.Context(), "health", "--addr", a, "--wait", "1m"); err != nil || out != "on the ring\n" {
		t.Fatalf("health --wait: %q, %v", out, err)
	}
	stopB := start(t, "--listen", b, "--join", a, "--virtual-nodes", "2", "--stabilize", "100ms")
	untilActive(t, a, 2)
	untilActive(t, b, 2)

	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"put", "tide", "high", "--addr", b}, `replicas: [12]`},
		{[]string{"get", "tide", "--addr", a}, `^high$`},
		{[]string{"lookup", "tide", "--addr", b}, `(?s)owner  [0-9a-f]{40}  127.*\n0 .*start`},
		{[]string{"lookup", "--id", "ff", "--mode", "iterative", "--addr", a}, `key    0{38}ff\n`},
		{[]string{"status", "--addr", b}, `(?s)ring "chord".*active.*active`},
		{[]string{"--version"}, `^node `},
	} {
		if out, err := execute(t.Context(), test.args...); err != nil || !regexp.MustCompile(test.want).MatchString(out) {
			t.Errorf("%v: %v, printed:\n%s", test.args, err, out)
		}
	}
	if err := stopB(); err != nil {
		t.Errorf("the second host ends with %v", err)
	}
	if out, err := execute(t.Context(), "get", "tide", "--addr", a); err != nil || out != "high" {
		t.Errorf("after the leave: %q, %v", out, err)
	}
	if _, err := execute(t.Context(), "delete", "tide", "--addr", a); err != nil {
		t.Error(err)
	}
	if _, err := execute(t.Context(), "get", "tide", "--addr", a); err == nil || !strings.Contains(err.Error(), "not found") {
		t.Errorf("get of a deleted key: %v", err)
	}
}

// Every command's help has an example that shows the command.
func TestHelpHasExamples(t *testing.T) {
	root := newRoot(new(ending), new(options))
	for _, cmd := range append(root.Commands(), root) {
		if !strings.Contains(cmd.Example, cmd.CommandPath()) {
			t.Errorf("%s --help has no example of it: %q", cmd.CommandPath(), cmd.Example)
		}
		for line := range strings.Lines(cmd.UsageString()) {
			if strings.Count(line, "HOST:PORT") > 1 {
				t.Errorf("%s --help repeats a line: %s", cmd.CommandPath(), line)
			}
		}
	}
}

func TestUsageErrors(t *testing.T) {
	t.Setenv("OTEL_SDK_DISABLED", "true")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, test := range []struct {
		args string
		want string
	}{
		{"--listen " + taken.Addr().String(), "in use"},
		{"--listen nonsense", "--listen"},
		{"--listen 127.0.0.1:x", "not a port"},
		{"--listen 0.0.0.0:0", "--advertise"},
		{"--advertise :7001", "names no host"},
		{"--advertise 0.0.0.0:7001", "other hosts can reach"},
		{"--advertise [::]:7001", "other hosts can reach"},
		{"--join nonsense", "--join"},
		{"--join=", "names no host"},
		{"--join user@home:7001", "not a host name"},
		{"--advertise host/a:7001", "not a host name"},
		{"--bits 2", "from 3 to 160"},
		{"--bits two", "bits"},
		{"--successors 0x", "successors"},
		{"--replicas 1000", "replicas"},
		{"--replicas 0", "--replicas 0"},
		{"--successors 0", "--successors 0"},
		{"--stabilize 0s", "--stabilize 0"},
		{"--ring=", "--ring"},
		{"put key value --ttl 1us", "--ttl 1µs"},
		{"--virtual-nodes 0", "--virtual-nodes"},
		{"--virtual-nodes 65", "from 1 to 64"},
		{"--virtual-nodes 3 --bits 3", "at most 2, a quarter of its 8 identifiers"},
		{"--successors 1", "replicas 3 with successors 1"},
		{"--bits 2 --replicas 17", "from 3 to 160; replicas 17: must be from 1 to 16"},
		{"--memory -1", "--memory"},
		{"--stabilize 0.5", "stabilize"},
		{"--lookup sideways", "sideways"},
		{"--join-timeout 0", "--join-timeout"},
		{"--tls-cert x", "must be set together"},
		{"--tls-cert x --tls-key y --tls-ca z", "x"},
		{"--no-such-flag", "unknown flag: --no-such-flag; --help lists the flags"},
		{"get key --no-such-flag", "unknown flag: --no-such-flag; --help lists the flags"},
		{"version", `unknown command "version"; node --help lists them`},
		{"put key", "key and value"},
		{"put key value --file x", "--file"},
		{"put key --file /no/such/file", "/no/such/file"},
		{"lookup", "key"},
		{"status more", "no arguments"},
		{"get key --addr nonsense", "--addr"},
		{"get key --timeout 0", "--timeout"},
	} {
		_, err := execute(t.Context(), strings.Fields(test.args)...)
		if usage := (usageError{}); !errors.As(err, &usage) || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("node %s: %v", test.args, err)
		}
	}
}

func TestUnreachable(t *testing.T) {
	t.Setenv("OTEL_SDK_DISABLED", "true")
	unused := freeport.Address(t)
	if _, err := execute(t.Context(), "get", "key", "--addr", unused); err == nil || !strings.Contains(err.Error(), unused) || strings.Contains(err.Error(), "desc =") {
		t.Errorf("a client of an unused address: %v", err)
	}
	if _, err := execute(t.Context(), "health", "--addr", unused, "--wait", "200ms"); err == nil || !strings.Contains(err.Error(), unused) {
		t.Errorf("the health of an unused address: %v", err)
	}
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts connections, and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	begin := time.Now()
	_, err = execute(t.Context(), "health", "--addr", silent.Addr().String(), "--timeout", "20ms", "--wait", "300ms")
	if took := time.Since(begin); err == nil || took < 300*time.Millisecond {
		t.Errorf("the health of a host that does not answer, with --wait longer than --timeout: %v after %v", err, took)
	}
	for _, peer := range []string{unused, silent.Addr().String()} {
		_, err := execute(t.Context(), "--listen", "127.0.0.1:0", "--join", peer, "--join-timeout", "100ms")
		if usage := (usageError{}); err == nil || errors.As(err, &usage) || !strings.Contains(err.Error(), "--join "+peer+": could not join for 100ms: ") {
			t.Errorf("joining a host that does not answer: %v", err)
		}
	}
}
