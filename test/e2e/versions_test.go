package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"chordconductor/test/internal/polltest"
)

// lastOfVersion1 is the last commit whose hosts speak protocol version 1, the one before today's. When
// member.Version rises, the last commit of the version that was current until then takes its place.
const lastOfVersion1 = "19e7ffc3011a7bc955f23db88b2523aa72f4ecf5"

// protocolVersion returns the protocol version in a tree of the source. Version 1 had no such file.
func protocolVersion(t *testing.T, tree string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(tree, "node", "member", "version.go"))
	if os.IsNotExist(err) {
		return 1
	}
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^const Version = (\d+)$`).FindSubmatch(text)
	if found == nil {
		t.Fatal("node/member/version.go has no constant Version any more: correct this test")
	}
	version, _ := strconv.Atoi(string(found[1]))
	return version
}

// previousNode builds the node program of the protocol version before today's, from the repository's history.
func previousNode(t *testing.T) string {
	t.Helper()
	tree := t.TempDir()
	archive := exec.Command("git", "-C", root, "archive", "--format=tar", lastOfVersion1)
	var complaint bytes.Buffer
	archive.Stderr = &complaint
	tar, err := archive.Output()
	if err != nil {
		t.Fatalf("this test builds hosts of the previous protocol version from commit %.7s, and needs a checkout with its history (a shallow one gets it by `git fetch --unshallow`): git archive: %v: %s", lastOfVersion1, err, complaint.String())
	}
	extract := exec.Command("tar", "-x", "-C", tree)
	extract.Stdin = bytes.NewReader(tar)
	if out, err := extract.CombinedOutput(); err != nil {
		t.Fatalf("tar: %v: %s", err, out)
	}
	if old, now := protocolVersion(t, tree), protocolVersion(t, root); old != now-1 {
		t.Fatalf("commit %.7s has protocol version %d, this source %d: name the last commit of version %d", lastOfVersion1, old, now, now-1)
	}
	path := filepath.Join(tree, "node-previous")
	build := exec.Command("go", "build", "-o", path, "./node")
	build.Dir = tree
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building node of commit %.7s: %v\n%s", lastOfVersion1, err, out)
	}
	return path
}

// TestRollingVersions replaces the hosts of a ring under load one after the other, from the previous protocol version to
// today's and back. At each step the ring becomes ideal again and no acknowledged write is lost.
func TestRollingVersions(t *testing.T) {
	const hosts, virtual = 5, 2
	previous, current := previousNode(t), binary(t, "node")
	c := startConductor(t, "--scenario", "none")
	ports := freePorts(t, hosts)
	env := []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + c.otlpGRPC}
	running := make([]*process, hosts)
	begin := func(i int, program string) {
		var others []string
		for j, port := range ports {
			if j != i && running[j] != nil {
				others = append(others, local(port))
			}
		}
		args := []string{"--listen", local(ports[i]), "--virtual-nodes", strconv.Itoa(virtual), "--stabilize", "200ms"}
		if len(others) > 0 {
			args = append(args, "--join", strings.Join(others, ","))
		}
		running[i] = start(t, env, program, args...)
	}
	for i := range hosts {
		begin(i, previous)
		c.settlesAny(t, (i+1)*virtual, time.Minute)
	}
	c.settles(t, hosts*virtual, "ideal", time.Minute)

	l := startLoad(t, c)
	for _, way := range []struct{ name, program string }{{"up", current}, {"down", previous}} {
		for i := range hosts {
			l.continues(t)
			if err := running[i].cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			select {
			case <-running[i].done:
			case <-time.After(30 * time.Second):
				t.Fatalf("%s: host %d still runs 30s after SIGTERM", way.name, i)
			}
			if code := running[i].cmd.ProcessState.ExitCode(); code != 0 {
				t.Errorf("%s: host %d: exit %d", way.name, i, code)
			}
			begin(i, way.program)
			c.settles(t, hosts*virtual, "ideal", 30*time.Second)
			l.continues(t)
			l.check(t, fmt.Sprintf("%s, host %d", way.name, i))
		}
	}
	l.end()
	l.check(t, "at the end")
	t.Logf("%d writes acknowledged, %d refused, %d unknown; %d reads, %d without an answer", l.acknowledged.Load(), l.refused.Load(), l.unknown.Load(), l.reads.Load(), l.unread.Load())
	if l.unknown.Load() > l.acknowledged.Load()/10 {
		t.Errorf("of %d writes %d have an unknown outcome", l.acknowledged.Load()+l.unknown.Load(), l.unknown.Load())
	}
}

// A load has workers that write and read through the conductor, each its own keys, so that it is known which values a
// key may have.
type load struct {
	c    *conductor
	keys []*loadedKey
	stop chan struct{}
	done sync.WaitGroup

	acknowledged, refused, unknown, reads, unread atomic.Int64
}

// A loadedKey is a key with the values that a read may return: the last acknowledged one, and later ones whose outcome
// is unknown.
type loadedKey struct {
	name string
	mu   sync.Mutex // held during each operation on the key
	may  map[string]bool
	none bool // it may have no value
	next int
}

const loadWorkers, keysOfWorker = 8, 25

func startLoad(t *testing.T, c *conductor) *load {
	l := &load{c: c, stop: make(chan struct{})}
	for w := range loadWorkers {
		var own []*loadedKey
		for k := range keysOfWorker {
			own = append(own, &loadedKey{name: fmt.Sprintf("key-%d-%d", w, k), may: map[string]bool{}, none: true})
		}
		l.keys = append(l.keys, own...)
		l.done.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-l.stop:
					return
				default:
				}
				key := own[n%len(own)]
				l.put(key)
				if err := l.get(key); err != nil && !errors.Is(err, errNoAnswer) {
					t.Error(err)
				}
			}
		})
	}
	t.Cleanup(l.end)
	return l
}

// end stops the workers; it may be called again.
func (l *load) end() {
	select {
	case <-l.stop:
	default:
		close(l.stop)
	}
	l.done.Wait()
}

func (l *load) put(k *loadedKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	value := fmt.Sprintf("%s value %d", k.name, k.next)
	k.next++
	switch status, _ := l.c.call("PUT", "/api/keys/"+k.name, []byte(value)); {
	case status/100 == 2:
		l.acknowledged.Add(1)
		k.may, k.none = map[string]bool{value: true}, false
	case status == http.StatusBadRequest, status == http.StatusInsufficientStorage: // no host has it, and none will
		l.refused.Add(1)
	default:
		l.unknown.Add(1)
		k.may[value] = true
	}
}

var errNoAnswer = errors.New("no answer")

// get reads a key. The error is errNoAnswer if it cannot be read; any other is about an answer that must not be.
func (l *load) get(k *loadedKey) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	status, value := l.c.call("GET", "/api/keys/"+k.name, nil)
	switch {
	case status == http.StatusNotFound && !k.none:
		return fmt.Errorf("%s: its acknowledged value is lost", k.name)
	case status == http.StatusNotFound, status == http.StatusOK && k.may[value]:
		l.reads.Add(1)
		return nil
	case status == http.StatusOK:
		return fmt.Errorf("%s: read %q, which is neither the last acknowledged value nor a later one of unknown outcome", k.name, value)
	}
	l.unread.Add(1)
	return fmt.Errorf("%w: %s: status %d: %s", errNoAnswer, k.name, status, value)
}

// continues waits until writes have been acknowledged since the call.
func (l *load) continues(t *testing.T) {
	t.Helper()
	before := l.acknowledged.Load()
	polltest.Passes(t, 30*time.Second, "writes are acknowledged", func() error {
		if now := l.acknowledged.Load(); now < before+2*loadWorkers {
			return fmt.Errorf("%d since", now-before)
		}
		return nil
	})
}

// check reads all keys, each until it has an answer.
func (l *load) check(t *testing.T, step string) {
	t.Helper()
	for _, k := range l.keys {
		var wrong error
		polltest.Passes(t, 30*time.Second, step+": "+k.name+" is read", func() error {
			wrong = l.get(k)
			if errors.Is(wrong, errNoAnswer) {
				return wrong
			}
			return nil
		})
		if wrong != nil {
			t.Errorf("%s: %v", step, wrong)
		}
	}
}
