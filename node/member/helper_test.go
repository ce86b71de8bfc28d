package member_test

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"testing"
	"time"

	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/trace"

	"chordconductor/internal/assertion"
	"chordconductor/internal/polltest"
	"chordconductor/node/chord"
	"chordconductor/node/env/faults"
	"chordconductor/node/env/grpcenv"
	"chordconductor/node/member"
	"chordconductor/node/nodepb"
	"chordconductor/node/simenv"
	"chordconductor/otel/chordevent"
)

// A world carries hosts: the real one over loopback, or a simulated one. The same tests run in both.
type world interface {
	// host makes a host that serves, without members.
	host(t *testing.T, cfg member.Config) *host
	// until runs the world until cond holds, and fails the test if it does not within limit of the world's time.
	until(t *testing.T, limit time.Duration, what string, cond func() bool)
	// do runs a task of a host and waits for its end.
	do(t *testing.T, h *host, task func(ctx context.Context))
}

type host struct {
	*member.Host
	faults *faults.Layer
	stop   func() // as in a crash
}

// none fails the test at the first assertion that fails.
func none(t *testing.T) *assertion.Counts {
	return &assertion.Counts{Print: func(line string) { t.Error(line) }}
}

// onBoth runs a test in both worlds.
func onBoth(t *testing.T, test func(t *testing.T, w world)) {
	t.Run("simulated", func(t *testing.T) { test(t, newSimWorld(t, simenv.Config{Seed: 1})) })
	t.Run("grpc", func(t *testing.T) { test(t, grpcWorld{}) })
}

// grpcWorld is real: gRPC over loopback.
type grpcWorld struct {
	events log.LoggerProvider // nil: events are dropped
}

// host gives members more time than a simulated world would: the machine may have other things to do.
func (w grpcWorld) host(t *testing.T, cfg member.Config) *host {
	t.Helper()
	cfg.Stabilize, cfg.CallLimit = max(cfg.Stabilize, 200*time.Millisecond), 2*time.Second
	e, err := grpcenv.Listen(grpcenv.Options{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	layer := faults.New(e, e.Address())
	h, err := member.NewHost(cfg, e.Address(), layer, member.Telemetry{Events: w.events, Assertions: none(t)})
	if err != nil {
		t.Fatal(err)
	}
	e.Serve(h, h, layer.Serve, nil)
	stop := func() {
		h.Crash()
		e.Close()
	}
	t.Cleanup(stop)
	return &host{h, layer, stop}
}

// until has no use for a limit of the world's time: the machine may have other things to do.
func (grpcWorld) until(t *testing.T, _ time.Duration, what string, cond func() bool) {
	t.Helper()
	polltest.Until(t, what, cond)
}

func (grpcWorld) do(t *testing.T, h *host, task func(ctx context.Context)) { task(t.Context()) }

// simWorld is simulated.
type simWorld struct {
	*simenv.World
	hosts  int
	events log.LoggerProvider // nil: events are dropped
	spans  trace.TracerProvider
	wrap   func(nodepb.RingServer) nodepb.RingServer // nil: hosts answer for themselves
	keys   func(nodepb.KeysServer) nodepb.KeysServer // the same
}

func newSimWorld(t testing.TB, cfg simenv.Config) *simWorld {
	w := &simWorld{World: simenv.New(cfg)}
	t.Cleanup(w.Close)
	return w
}

func (w *simWorld) host(t *testing.T, cfg member.Config) *host {
	t.Helper()
	w.hosts++
	return w.hostAt(t, cfg, fmt.Sprintf("host%d:7001", w.hosts))
}

func (w *simWorld) hostAt(t *testing.T, cfg member.Config, addr string) *host {
	t.Helper()
	e, err := w.World.Host(addr)
	if err != nil {
		t.Fatal(err)
	}
	layer := faults.New(e, addr)
	h, err := member.NewHost(cfg, addr, layer, member.Telemetry{Events: w.events, Tracer: w.spans, Assertions: none(t)})
	if err != nil {
		t.Fatal(err)
	}
	var ring nodepb.RingServer = h
	if w.wrap != nil {
		ring = w.wrap(ring)
	}
	var keys nodepb.KeysServer = h
	if w.keys != nil {
		keys = w.keys(keys)
	}
	e.Serve(ring, keys, layer.Serve)
	return &host{h, layer, func() {
		h.Crash()
		e.Crash()
	}}
}

func (w *simWorld) until(t *testing.T, limit time.Duration, what string, cond func() bool) {
	t.Helper()
	step := max(10*time.Millisecond, limit/2000)
	if !w.RunUntil(limit, step, cond) {
		t.Fatalf("not within %v: %s", limit, what)
	}
}

func (w *simWorld) do(t *testing.T, h *host, task func(ctx context.Context)) {
	t.Helper()
	done := false
	if err := w.task(h, func(ctx context.Context) {
		task(ctx)
		done = true
	}); err != nil {
		t.Fatal(err)
	}
	w.until(t, time.Hour, "a task has ended", func() bool { return done })
}

// task starts a task on a host.
func (w *simWorld) task(h *host, task func(ctx context.Context)) error {
	return h.faults.Go(context.Background(), task)
}

// fleet is a group of hosts of one ring.
type fleet struct {
	t     *testing.T
	w     world
	cfg   member.Config
	hosts []*host
}

func newFleet(t *testing.T, w world, cfg member.Config, size int) *fleet {
	f := &fleet{t: t, w: w, cfg: cfg}
	f.add(size)
	return f
}

// add adds hosts of one member each, which join through the first host.
func (f *fleet) add(count int) {
	f.t.Helper()
	for range count {
		cfg := f.cfg
		if len(f.hosts) > 0 {
			cfg.Join = []string{f.hosts[0].Address()}
		}
		h := f.w.host(f.t, cfg)
		f.hosts = append(f.hosts, h)
		if _, err := h.Start(1); err != nil {
			f.t.Fatal(err)
		}
	}
}

// members are all members of all hosts.
func (f *fleet) members() []*member.Member {
	var all []*member.Member
	for _, h := range f.hosts {
		all = append(all, h.Members()...)
	}
	return all
}

func (f *fleet) observe() *chord.Global {
	var states []chord.State
	for _, m := range f.members() {
		if m.Status() != chordevent.StatusJoining {
			states = append(states, m.State())
		}
	}
	return chord.Observe(states)
}

// ideal waits until the pointers are ideal, and until every member owns the range that they imply: ownership follows
// the pointers only once the keys have moved, and lookups end at the owner.
func (f *fleet) ideal(limit time.Duration) {
	f.t.Helper()
	f.w.until(f.t, limit, "the ring is ideal", func() bool {
		g := f.observe()
		return len(g.States) == len(f.members()) && g.Ideal(f.hosts[0].Space()) &&
			!slices.ContainsFunc(f.members(), func(m *member.Member) bool {
				own, from := m.Keys().Ownership(), m.State().Pred.ID
				if len(f.members()) == 1 {
					from = m.Self().ID // all of the circle
				}
				return !own.Owns || own.From != from
			})
	})
}

// owner is the owner of a key by the members' identifiers.
func owner(g *chord.Global, key chord.ID) chord.Peer {
	at := sort.Search(len(g.States), func(i int) bool { return key.Compare(g.States[i].Self.ID) <= 0 })
	return g.States[at%len(g.States)].Self
}

// checkLookups looks keys up from every member, and fails the test for a wrong answer.
func (f *fleet) checkLookups(mode member.Mode, each int) {
	f.t.Helper()
	n, ring := 0, f.observe()
	for _, h := range f.hosts {
		for _, m := range h.Members() {
			f.w.do(f.t, h, func(ctx context.Context) {
				for range each {
					n++
					key := h.Space().Hash(fmt.Appendf(nil, "key %d", n))
					found, err := m.Find(ctx, key, mode)
					if err != nil {
						f.t.Errorf("lookup %d: %v", n, err)
					} else if want := owner(ring, key); found.Owner != want {
						f.t.Errorf("lookup %d: owner %v, want %v", n, found.Owner, want)
					} else if last := found.Path[len(found.Path)-1].Peer; last.ID != want.ID || found.Path[0].Peer.ID != m.Self().ID {
						f.t.Errorf("lookup %d: path %v", n, found.Path)
					}
				}
			})
		}
	}
}

// crash ends a host without a leave.
func (f *fleet) crash(hosts ...*host) {
	for _, h := range hosts {
		h.stop()
	}
	f.hosts = slices.DeleteFunc(f.hosts, func(h *host) bool { return slices.Contains(hosts, h) })
}

// leave makes hosts leave at the same time, and waits until they have.
func (f *fleet) leave(hosts ...*host) {
	f.t.Helper()
	done := make(chan error, len(hosts))
	for _, h := range hosts {
		if err := h.faults.Go(context.Background(), func(ctx context.Context) { _, err := h.Leave(ctx); done <- err }); err != nil {
			f.t.Fatal(err)
		}
	}
	f.w.until(f.t, time.Minute, "all have left", func() bool { return len(done) == len(hosts) })
	for range hosts {
		if err := <-done; err != nil {
			f.t.Error(err)
		}
	}
	f.crash(hosts...)
}

// byID are the hosts (of one member each) in circle order.
func (f *fleet) byID() []*host {
	hosts := slices.Clone(f.hosts)
	slices.SortFunc(hosts, func(a, b *host) int { return a.Members()[0].Self().ID.Compare(b.Members()[0].Self().ID) })
	return hosts
}

// partition separates two groups of hosts. If both, no message passes in either direction; otherwise only messages from
// a to b are lost.
func (f *fleet) partition(a, b []*host, both bool) {
	f.t.Helper()
	block := func(from, to []*host) {
		for _, h := range from {
			var rules []faults.Rule
			for _, other := range to {
				rules = append(rules, faults.Rule{Address: other.Address(), Cut: true})
			}
			if err := h.faults.Set(rules); err != nil {
				f.t.Fatal(err)
			}
		}
	}
	block(a, b)
	if both {
		block(b, a)
	}
}

func (f *fleet) heal() {
	for _, h := range f.hosts {
		h.faults.Set(nil)
	}
}

// rest waits while nothing is expected to happen.
func (f *fleet) rest(d time.Duration) {
	if w, ok := f.w.(*simWorld); ok {
		w.Run(d)
		return
	}
	end := f.hosts[0].Now().Add(d)
	f.w.until(f.t, d+time.Minute, "time passes", func() bool { return !f.hosts[0].Now().Before(end) })
}

// part observes the members of some hosts only.
func part(hosts []*host) *chord.Global {
	var states []chord.State
	for _, h := range hosts {
		for _, m := range h.Members() {
			states = append(states, m.State())
		}
	}
	return chord.Observe(states)
}
