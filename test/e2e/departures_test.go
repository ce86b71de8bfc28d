package e2e

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"chordconductor/test/internal/polltest"
)

// departing starts hosts of two members each, with the given number of replicas per key, and puts keys.
func departing(t *testing.T, hosts, replicas, keys int) ([]*process, string) {
	t.Helper()
	ports := freePorts(t, hosts)
	env := []string{"OTEL_SDK_DISABLED=true"}
	list := make([]*process, hosts)
	for i, port := range ports {
		args := []string{"--listen", local(port), "--virtual-nodes", "2", "--replicas", strconv.Itoa(replicas), "--stabilize", "200ms"}
		if i > 0 {
			args = append(args, "--join", local(ports[0]))
		}
		list[i] = start(t, env, binary(t, "node"), args...)
		polltest.Passes(t, time.Minute, "on the ring", func() error {
			if !strings.Contains(list[i].out.String(), "on the ring") {
				return fmt.Errorf("it printed %s", list[i].out.String())
			}
			return nil
		})
	}
	for n := range keys {
		if code, out := run(t, nil, binary(t, "node"), "put", "--addr", local(ports[0]), fmt.Sprintf("key-%d", n), fmt.Sprintf("value %d", n)); code != 0 {
			t.Fatalf("put of key %d: exit %d: %s", n, code, out)
		}
	}
	return list, local(ports[0])
}

// terminate sends SIGTERM to all processes, expects exit code 0, and returns how long the slowest one took.
func terminate(t *testing.T, limit time.Duration, list ...*process) (longest time.Duration) {
	t.Helper()
	begin := time.Now()
	for _, p := range list {
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range list {
		select {
		case <-p.done:
		case <-time.After(limit):
			t.Fatalf("still runs %v after SIGTERM; it printed:\n%s", limit, p.out.String())
		}
		if code := p.cmd.ProcessState.ExitCode(); code != 0 {
			t.Errorf("exit %d; it printed:\n%s", code, p.out.String())
		}
	}
	return time.Since(begin)
}

// TestEightOfNineHostsLeave guards against an old fault: after SIGTERM to 8 of 9 hosts, leaving took 20 s, half of the
// hosts gave up, and a fifth of the keys was lost.
func TestEightOfNineHostsLeave(t *testing.T) {
	for _, replicas := range []int{1, 3} {
		t.Run(fmt.Sprintf("R=%d", replicas), func(t *testing.T) {
			const keys = 60
			list, addr := departing(t, 10, replicas, keys)
			one := terminate(t, time.Minute, list[9])
			eight := terminate(t, time.Minute, list[1:9]...)
			t.Logf("one of ten left in %v, eight of nine in %v", one, eight)
			for n := range keys {
				if code, out := run(t, nil, binary(t, "node"), "get", "--addr", addr, fmt.Sprintf("key-%d", n)); code != 0 || strings.TrimSpace(out) != fmt.Sprintf("value %d", n) {
					t.Errorf("key %d: exit %d: %s", n, code, out)
				}
			}
		})
	}
}

var keysEnd = regexp.MustCompile(`(\d+) key\(s\) end with it`)

// After SIGTERM, all hosts of a ring, or its only host, end soon and print how many keys are lost with them.
func TestAllHostsLeave(t *testing.T) {
	for _, hosts := range []int{3, 1} {
		t.Run(fmt.Sprint(hosts), func(t *testing.T) {
			const keys = 30
			list, _ := departing(t, hosts, 1, keys)
			took := terminate(t, time.Minute, list...)
			t.Logf("%d hosts have ended in %v", hosts, took)
			total := 0
			for _, p := range list {
				if said := keysEnd.FindStringSubmatch(p.out.String()); said != nil {
					n, _ := strconv.Atoi(said[1])
					total += n
				}
			}
			if total != keys {
				t.Errorf("keys that ended with the ring: expected %d, got %d", keys, total)
			}
		})
	}
}

// A host refuses a command to leave if no other host stays in the ring, unless the command is forced.
func TestLeaveCommand(t *testing.T) {
	list, addr := departing(t, 2, 1, 10)
	node := binary(t, "node")
	other := regexp.MustCompile(`listening on (\S+),`).FindStringSubmatch(list[1].out.String())[1]
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"leave --addr " + other, 0, "left"},
		{"leave --addr " + addr, 1, "no other member of the ring stays that could take the keys; to end the ring and its keys, force the leave"},
		{"get --addr " + addr + " key-3", 0, "value 3"},
		{"leave --member nonsense --addr " + addr, 2, "--member"},
		{"leave --force --addr " + addr, 0, "the ring ends, and 10 key(s) with it"},
	} {
		if code, out := run(t, nil, node, strings.Fields(c.args)...); code != c.code || !strings.Contains(out, c.want) {
			t.Errorf("node %s: exit %d: %s; want %d, %q", c.args, code, out, c.code, c.want)
		}
	}
	_, addr = departing(t, 1, 1, 0)
	if code, out := run(t, nil, node, "leave", "--force", "--addr", addr); code != 0 || !strings.Contains(out, "the ring ends, and 0 key(s) with it") {
		t.Errorf("a forced leave without keys: exit %d: %s", code, out)
	}
}
