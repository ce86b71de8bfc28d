package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"

	"chordconductor/internal/freeport"
	"chordconductor/internal/polltest"
	"chordconductor/node/client"
	"chordconductor/node/nodepb"
	"chordconductor/otel/chordevent"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lines collects what a host logs.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, line)
}

func (l *lines) have(text string) bool { return l.count(text) > 0 }

// count returns how often a text was logged.
func (l *lines) count(text string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.all {
		n += strings.Count(line, text)
	}
	return n
}

// open opens a host without telemetry, and closes it at the end of the test.
func open(t *testing.T, c Config) *Host {
	t.Helper()
	t.Setenv("OTEL_SDK_DISABLED", "true")
	h, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close(context.Background()) })
	return h
}

func joined(t *testing.T, h *Host) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := h.Joined(ctx); err != nil {
		t.Fatal(err)
	}
}

// Two hosts in one process: a value that is put through one is read through the other and through a
// client, and is still there after the host that owns it has closed.
func TestHosts(t *testing.T) {
	a := open(t, Local())
	joined(t, a)
	second := Local()
	second.Join = []string{a.Address()}
	log := &lines{}
	second.Log = log.add
	b := open(t, second)
	joined(t, b)
	c, err := client.New(client.Config{Address: a.Address()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for i := range 20 {
		key := fmt.Appendf(nil, "key %d", i)
		if w, err := b.Put(t.Context(), key, []byte("high"), 0); err != nil || w.Owner != a.Address() && w.Owner != b.Address() || w.Replicas < 1 {
			t.Fatalf("put: %+v, %v", w, err)
		}
		for name, keys := range map[string]client.Keys{"a": a.Keys, "b": b.Keys, "client": c.Keys} {
			if value, err := keys.Get(t.Context(), key); err != nil || string(value) != "high" {
				t.Errorf("get through %s: %q, %v", name, value, err)
			}
			if l, err := keys.Lookup(t.Context(), key); err != nil || l.GetOwner() == nil {
				t.Errorf("lookup through %s: %v, %v", name, l, err)
			}
		}
	}
	if s := b.Status(); s.Address != b.Address() || len(s.Members) != 1 || s.Ring != "chord" {
		t.Errorf("status: %v", s)
	}
	if err := b.Close(t.Context()); err != nil || !log.have("left") {
		t.Errorf("close: %v; %q", err, log.all)
	}
	if err := b.Close(t.Context()); err != nil {
		t.Errorf("a second close: %v", err)
	}
	if _, err := b.Get(t.Context(), []byte("key 0")); !errors.Is(err, client.ErrUnavailable) {
		t.Errorf("get of a closed host: %v", err)
	}
	if err := b.Joined(t.Context()); err != nil {
		t.Errorf("it had joined: %v", err)
	}
	for i := range 20 {
		if value, err := a.Get(t.Context(), fmt.Appendf(nil, "key %d", i)); err != nil || string(value) != "high" {
			t.Errorf("after the leave: %q, %v", value, err)
		}
	}
	for range 2 {
		if _, err := a.Delete(t.Context(), []byte("key 0")); err != nil {
			t.Errorf("delete: %v", err)
		}
	}
	if _, err := a.Get(t.Context(), []byte("key 0")); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("get of a deleted key: %v", err)
	}
}

// Close ends a host that does not get onto the ring at once, and leaves nothing behind: no
// goroutines (TestMain checks this) and no open port.
func TestNotJoined(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts connections, and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	first := Local()
	first.Bits = 16
	a := open(t, first)
	joined(t, a)
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, test := range map[string]struct {
		join, want string
		ctx        context.Context
	}{
		"refused":  {a.Address(), "Join " + a.Address() + ": cannot join: " + a.Address() + " refuses: the ring's bits are 16, the caller's 160", t.Context()},
		"nothing":  {freeport.Address(t), "could not join for 100ms: ", t.Context()},
		"silent":   {silent.Addr().String(), "could not join for 100ms: the first try has no answer yet", t.Context()},
		"gives up": {silent.Addr().String(), "context canceled", canceled},
	} {
		c := Local()
		c.Listen, c.Join, c.JoinTimeout, c.CallLimit = freeport.Address(t), []string{test.join}, 100*time.Millisecond, 10*time.Second
		if name == "refused" {
			c.JoinTimeout = time.Hour
		}
		h := open(t, c)
		if _, err := h.Get(t.Context(), []byte("tide")); !errors.Is(err, client.ErrUnavailable) {
			t.Errorf("%s: get: %v", name, err)
		}
		if err := h.Joined(test.ctx); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v; want %s", name, err, test.want)
		}
		waits := make(chan error)
		if name == "gives up" {
			go func() { waits <- h.Joined(context.Background()) }()
		}
		begin := time.Now()
		if err := h.Close(t.Context()); err != nil || time.Since(begin) > LeaveLimit {
			t.Errorf("%s: close: %v after %v", name, err, time.Since(begin))
		}
		if name == "gives up" {
			if err := <-waits; err == nil {
				t.Error("Joined of a closed host returns nil")
			}
		}
		l, err := net.Listen("tcp", c.Listen)
		if err != nil {
			t.Fatalf("%s: the port is still open: %v", name, err)
		}
		l.Close()
	}
}

// Close with a context that has ended is a crash; its error contains the cost, which is counted at
// that time.
func TestCost(t *testing.T) {
	c := Local()
	c.Replicas = 1
	h := open(t, c)
	joined(t, h)
	if _, err := h.Put(t.Context(), []byte("tide"), []byte("high"), 0); err != nil {
		t.Fatal(err)
	}
	if text := h.Cost(); !strings.Contains(text, "1 member(s) had not left, and 1 key(s)") {
		t.Errorf("a host with a key: %q", text)
	}
	second := Local()
	second.Replicas, second.Join = 1, []string{h.Address()}
	joined(t, open(t, second))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := h.Close(ctx)
	if err == nil || !strings.Contains(err.Error(), "not all members left gracefully: ") || !strings.Contains(err.Error(), "keys with replicas on other hosts are not lost") {
		t.Errorf("a close without time: %v", err)
	}
	if again := h.Close(t.Context()); again != err {
		t.Errorf("a second close: %v, the first %v", again, err)
	}
	if text := h.Cost(); !strings.Contains(text, "1 member(s) had not left") || !strings.HasSuffix(err.Error(), ": "+text) {
		t.Errorf("after a close that failed: %q; %v", text, err)
	}
}

// A host whose members answered a last call that they leave, and then run out of time, ends with
// their keys. Its error and its cost count them: a line "all members had left" was not true.
func TestCostOfBoundMembers(t *testing.T) {
	c := Local()
	c.Replicas, c.VirtualNodes, c.CallLimit = 1, 2, 300*time.Millisecond
	h := open(t, c)
	joined(t, h)
	for i := range 5 {
		if _, err := h.Put(t.Context(), fmt.Append(nil, i), []byte("high"), 0); err != nil {
			t.Fatal(err)
		}
	}
	c.VirtualNodes, c.Join = 1, []string{h.Address()}
	stays := open(t, c)
	joined(t, stays)
	connect := func(h *Host) grpc.ClientConnInterface {
		c, err := client.New(client.Config{Address: h.Address()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c.Conn()
	}
	control, ring := nodepb.NewHostClient(connect(stays)), nodepb.NewRingClient(connect(h))
	pause := func(paused bool) {
		if _, err := control.SetFaults(t.Context(), &nodepb.SetFaultsRequest{Paused: paused}); err != nil {
			t.Fatal(err)
		}
	}
	polltest.Until(t, "the second host owns a range, and each member knows it", func() bool {
		return stays.members.Any().Keys().Ownership().Owns && eachKnows(h, 2)
	})
	pause(true)
	polltest.Until(t, "the silent host is dead for the first one", func() bool { return acquainted([]*Host{h}, 2) })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	closed := make(chan error)
	go func() { closed <- h.Close(ctx) }()
	polltest.Until(t, "the members have answered a last call", func() bool {
		m := h.members.Any() // asks itself
		a, err := ring.LastCall(t.Context(), &nodepb.LastCallRequest{Call: m.Call(m.Self())})
		return err == nil && a.Stays == nil
	})
	cancel()
	pause(false)
	err := <-closed
	if err == nil || !strings.Contains(err.Error(), "2 member(s) ended without handing off their keys") {
		t.Fatalf("close: %v", err)
	}
	counted := 0
	if _, err := fmt.Sscanf(h.Cost(), "2 member(s) had not left, and %d key(s) were not handed off", &counted); err != nil {
		t.Errorf("%q: %v", h.Cost(), err)
	}
	if !strings.HasSuffix(err.Error(), ": "+h.Cost()) {
		t.Errorf("close: %v; want the end %q", err, h.Cost())
	}
	lost := 0
	for i := range 5 {
		if _, err := stays.Get(t.Context(), fmt.Append(nil, i)); errors.Is(err, client.ErrNotFound) {
			lost++
		} else if err != nil {
			t.Errorf("get: %v", err)
		}
	}
	if lost > counted {
		t.Errorf("%d keys are lost, %d are counted", lost, counted)
	}
}

// A host that ends with its ring logs one line with the number of the keys that end, which may be
// 0. If a leave is refused, one line names the number of members and the reason, and so does the
// final error.
func TestEndings(t *testing.T) {
	end := func(t *testing.T, h *Host, limit time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		return h.Close(ctx)
	}
	for keys, text := range []string{"0 key(s) end", "1 key(s) end", "2 key(s) end"} {
		t.Run(text, func(t *testing.T) {
			var log lines
			c := Local()
			c.VirtualNodes, c.Log = 1+keys, log.add
			h := open(t, c)
			joined(t, h)
			for i := range keys {
				if _, err := h.Put(t.Context(), fmt.Append(nil, i), []byte("high"), 0); err != nil {
					t.Fatal(err)
				}
			}
			if err := end(t, h, time.Minute); err != nil || log.count(text) != 1 || log.count("left") > 0 {
				t.Errorf("close: %v; %q", err, log.all)
			}
		})
	}
	t.Run("no room", func(t *testing.T) {
		var log lines
		c := Local()
		c.VirtualNodes, c.Replicas, c.Log = 4, 1, log.add
		h := open(t, c)
		joined(t, h)
		other := Local()
		other.Replicas, other.Join, other.Memory = 1, []string{h.Address()}, 1<<10
		small := open(t, other)
		joined(t, small)
		polltest.Until(t, "the small host owns a range, and each member knows it", func() bool {
			return small.members.Any().Keys().Ownership().Owns && eachKnows(h, 4)
		})
		full := false
		for i, here := 0, int64(0); !full || here < 10; i++ { // until the memory of the other host is full, and this one has more than that
			_, err := h.Put(t.Context(), fmt.Append(nil, i), make([]byte, 512), 0)
			full = full || errors.Is(err, client.ErrExhausted)
			here = h.present().Keys
		}
		err := end(t, h, 1500*time.Millisecond) // between two tries
		const reason = "of 4 members: the members that stay have no memory for the keys: "
		if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), reason) {
			t.Errorf("close: %v", err)
		}
		if log.count("not leaving yet: ") != 1 || log.count(reason) != 1 || log.count("have no memory") != 1 {
			t.Errorf("%q", log.all)
		}
	})
}

// Hosts that have left do not delay the end of the last one, however long a call may take: nothing
// listens at their addresses, so the last host finds at once that no member is there.
func TestTheLastHostWaitsForNoneThatHasLeft(t *testing.T) {
	const limit = 5 * time.Second
	for _, size := range []int{1, 2, 5} {
		var hosts []*Host
		for n := range 4 {
			c := Local()
			c.VirtualNodes, c.CallLimit = size, limit
			if n > 0 {
				c.Join = []string{hosts[0].Address()}
			}
			hosts = append(hosts, open(t, c))
			joined(t, hosts[n])
		}
		if _, err := hosts[0].Put(t.Context(), []byte("tide"), []byte("high"), 0); err != nil {
			t.Fatal(err)
		}
		for n, h := range slices.Backward(hosts) {
			polltest.Until(t, "each member knows those that are there", func() bool { return acquainted(hosts[:n+1], size) })
			began := time.Now()
			if err := h.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); n == 0 && took > 3*limit { // a silent host could delay it by four
				t.Errorf("%d members: the last host took %v to end", size, took)
			}
		}
	}
}

// eachKnows reports whether all members of a host are active and have at least n successors.
func eachKnows(h *Host, n int) bool {
	for _, m := range h.members.Members() {
		if m.Status() != chordevent.StatusActive || len(m.State().Live()) < n {
			return false
		}
	}
	return true
}

// acquainted reports whether the members of the given hosts have exactly each other as successors.
func acquainted(hosts []*Host, size int) bool {
	for _, h := range hosts {
		for _, m := range h.Status().Members {
			known := 0
			for _, p := range m.Successors {
				if p.Address == "" {
					continue
				}
				if known++; !slices.ContainsFunc(hosts, func(h *Host) bool { return h.Address() == p.Address }) {
					return false
				}
			}
			if known < min(len(hosts)*size-1, 8) {
				return false
			}
		}
	}
	return true
}
