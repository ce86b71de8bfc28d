package truthtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/log/embedded"

	"chordconductor/conductor/ring"
	"chordconductor/internal/freeport"
	"chordconductor/internal/polltest"
	"chordconductor/node/chord"
	"chordconductor/node/env/faults"
	"chordconductor/node/env/grpcenv"
	"chordconductor/node/member"
	"chordconductor/otel"
	"chordconductor/otel/chordevent"
)

// realKeyframe is the shortest possible keyframe period, so that an outage of six periods takes six seconds.
const realKeyframe = time.Second

const (
	// slowness is by how much a busy machine may delay events and the looks of the judge.
	slowness = 2 * time.Second
	// realDelay is the delay of telemetry that package ring allows before it takes a state as stale.
	realDelay = 5 * time.Second
)

// A realRing consists of members that call each other over gRPC and send telemetry through the real exporters to the
// real receiver, and of a judge, which compares the view with the ground truth.
type realRing struct {
	t     *testing.T
	relay *relay
	judge *judge
	made  int // hosts

	mu    sync.Mutex  // guards judge and hosts
	hosts []*realHost // those that are alive
}

type realHost struct {
	*member.Host
	env       *grpcenv.Env
	layer     *faults.Layer
	telemetry *otel.Telemetry
	process   string
}

// TestViewIsTrueOverOTLP does in real time, to one ring, what TestViewIsTrue does to many.
func TestViewIsTrueOverOTLP(t *testing.T) {
	r := &realRing{t: t, relay: newRelay(t)}
	r.judge = newJudge(ring.StalenessBound(realKeyframe, realDelay)+slowness, time.Now())
	r.relay.start()
	for range 7 {
		r.add(freeport.Address(t))
	}
	t.Cleanup(r.end)
	polltest.Until(t, "the first hosts make a ring", r.settled)
	looking := every(lookEvery, r.look)
	defer looking()
	writing := every(50*time.Millisecond, r.put)
	defer writing()

	r.relay.spoil(conditions{drop: .2, double: .2, late: .2, lateBy: slowness / 4})
	for _, s := range []struct {
		at time.Duration
		do func()
	}{
		{time.Second, func() { r.crash(2) }},
		{2 * time.Second, func() { r.add(freeport.Address(t)) }},
		{2500 * time.Millisecond, func() { r.relay.block(true) }},
		{3 * time.Second, func() { r.separate(3) }},
		{5 * time.Second, func() { r.separate(0) }},
		{6 * time.Second, func() { r.leave(1) }},
		{8500 * time.Millisecond, func() { r.relay.block(false) }},
		{9 * time.Second, func() { r.add(r.crash(3)) }},
		{10 * time.Second, func() { r.relay.stop() }},
		{11 * time.Second, func() { r.relay.start(); r.restarted(time.Now()) }},
		{12 * time.Second, func() { r.add(freeport.Address(t)) }},
		{13 * time.Second, func() { r.relay.spoil(conditions{}) }},
	} {
		r.wait(s.at)
		s.do()
	}
	writing()
	polltest.Until(t, "the ring is ideal again", r.settled)
	quiet := time.Now()
	polltest.Passes(t, "the view is the ground truth", func() error {
		r.mu.Lock()
		defer r.mu.Unlock()
		v := r.relay.view()
		wrong, ghosts := r.judge.differences(time.Now(), v, r.members())
		if wrong = append(wrong, ghosts...); len(wrong) == 0 && v.Status == ring.Ideal && v.Error == 0 {
			return nil
		}
		return fmt.Errorf("%v, error %d, %v", v.Status, v.Error, wrong)
	})
	looking()
	r.mu.Lock()
	defer r.mu.Unlock()
	for f, c := range r.judge.byField {
		t.Logf("%-12s %v", fieldNames[f], c)
	}
	t.Logf("over OTLP: %v; the view was the ground truth %v after the ring was ideal", r.judge.counts, time.Since(quiet).Round(time.Millisecond))
	counted := r.relay.counted()
	t.Logf("telemetry: %v", counted)
	if r.judge.counts.unmarked > 0 {
		t.Errorf("not marked:\n%s", strings.Join(r.judge.wrong, "\n"))
	}
	if counted.dropped == 0 || counted.doubled == 0 || counted.late == 0 || counted.refused == 0 {
		t.Errorf("too few faults of telemetry: %v", counted)
	}
}

// every calls f repeatedly, until the returned function is called, which waits for it.
func every(d time.Duration, f func()) (stop func()) {
	end, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(d)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				f()
			case <-end:
				return
			}
		}
	}()
	return sync.OnceFunc(func() { close(end); <-done })
}

// wait waits until a given time after the faults began.
func (r *realRing) wait(at time.Duration) { <-time.After(time.Until(r.relay.spoiled.Add(at))) }

func (r *realRing) look() {
	r.mu.Lock()
	defer r.mu.Unlock()
	v := r.relay.view()
	r.judge.look(time.Now(), v, r.members())
}

func (r *realRing) restarted(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.judge.begun = now
}

// members returns the members of all live hosts. The caller holds mu.
func (r *realRing) members() (all []*member.Member) {
	for _, h := range r.hosts {
		all = append(all, h.Members()...)
	}
	return all
}

func (r *realRing) settled() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	var states []chord.State
	for _, m := range r.members() {
		if m.Status() != chordevent.StatusActive || !m.Keys().Ownership().Owns {
			return false
		}
		states = append(states, m.State())
	}
	return chord.Observe(states).Ideal(r.hosts[0].Space())
}

// add starts a host, which counts as a process for its telemetry, and returns its address.
func (r *realRing) add(listen string) string {
	ctx := context.Background()
	r.made++
	h := &realHost{process: fmt.Sprint("process-", r.made)}
	var err error
	fail := func(err error) {
		if err != nil {
			r.t.Fatal(err)
		}
	}
	h.telemetry, err = otel.Setup(ctx, otel.Config{
		Ring: "chord", Endpoint: r.relay.address, Headers: map[string]string{processHeader: h.process}, IgnoreEnvironment: true,
	})
	fail(err)
	memory, err := otel.Memory(otel.MemoryConfig{
		Ring: "chord", Instance: "judge", Random: rand.Uint64, Now: time.Now,
		Sink: func(data plog.Logs) {
			each([]plog.Logs{data}, func(ev *chordevent.Event) {
				r.mu.Lock()
				defer r.mu.Unlock()
				if m := h.Member(ev.Node.ID); m != nil {
					r.judge.received(m, ev)
				}
			})
		},
	})
	fail(err)
	h.env, err = grpcenv.Listen(grpcenv.Options{Listen: listen})
	fail(err)
	h.layer = faults.New(h.env, h.env.Address())
	cfg := member.Config{Successors: 4, Keyframe: realKeyframe, Stabilize: 250 * time.Millisecond, CallLimit: slowness / 2}
	r.mu.Lock()
	for _, other := range r.hosts {
		cfg.Join = append(cfg.Join, other.Address())
	}
	r.mu.Unlock()
	h.Host, err = member.NewHost(cfg, h.env.Address(), h.layer, member.Telemetry{
		Events: both{h.telemetry.Events, memory.Events}, Lost: h.telemetry.Lost,
	})
	fail(err)
	h.telemetry.OnRecovery(h.Recovered)
	h.env.Serve(h, h, h.layer.Serve, nil)
	r.mu.Lock()
	r.hosts = append(r.hosts, h)
	r.mu.Unlock()
	_, err = h.Start(1)
	fail(err)
	return h.env.Address()
}

// both passes each event to the exporter and to the judge.
type both struct {
	log.LoggerProvider
	judge log.LoggerProvider
}

func (b both) Logger(name string, options ...log.LoggerOption) log.Logger {
	return bothLoggers{Logger: b.LoggerProvider.Logger(name, options...), judge: b.judge.Logger(name, options...)}
}

type bothLoggers struct {
	log.Logger
	judge log.Logger
}

func (b bothLoggers) Emit(ctx context.Context, record log.Record) {
	b.judge.Emit(ctx, record)
	b.Logger.Emit(ctx, record)
}

var _ embedded.Logger = bothLoggers{}

// take removes a host from the live ones, and returns it.
func (r *realRing) take(n int) *realHost {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.hosts[n]
	r.hosts = slices.Delete(slices.Clone(r.hosts), n, n+1)
	return h
}

// crash ends a host without a message and returns its address. Telemetry that is not exported yet is lost.
func (r *realRing) crash(n int) (address string) {
	h := r.take(n)
	r.relay.kill(h.process)
	h.Crash()
	h.close()
	return h.env.Address()
}

func (r *realRing) leave(n int) {
	r.mu.Lock()
	h := r.hosts[n]
	r.mu.Unlock()
	if _, err := h.Leave(context.Background()); err != nil {
		r.t.Logf("a host cannot leave: %v", err) // it may have been taken for dead
		return
	}
	r.take(n)
	h.close()
}

// close ends a host's environment and telemetry.
func (h *realHost) close() {
	h.env.Close()
	_ = h.telemetry.Shutdown(context.Background()) // what cannot be exported is lost, as it should be
}

func (r *realRing) end() {
	for len(r.hosts) > 0 {
		r.crash(0)
	}
}

// separate partitions the first n hosts from the others; with 0 it heals the partition.
func (r *realRing) separate(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, h := range r.hosts {
		var rules []faults.Rule
		for j, other := range r.hosts {
			if (i < n) != (j < n) {
				rules = append(rules, faults.Rule{Address: other.Address(), Cut: true})
			}
		}
		if err := h.layer.Set(rules); err != nil {
			r.t.Error(err)
		}
	}
}

func (r *realRing) put() {
	r.mu.Lock()
	h := r.hosts[rand.N(len(r.hosts))]
	r.mu.Unlock()
	m := h.Any()
	if m == nil || m.Status() != chordevent.StatusActive {
		return
	}
	_ = h.env.Go(context.Background(), func(ctx context.Context) { // a host that has ended does nothing
		_, _ = keeperOf(m).Put(ctx, fmt.Appendf(nil, "key-%d", rand.N(100)), []byte("value"), 0) // another test's matter
	})
}
