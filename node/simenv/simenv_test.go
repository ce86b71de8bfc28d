package simenv_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"chordconductor/node/env"
	"chordconductor/node/nodepb"
	"chordconductor/node/simenv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// An answerer answers pings after a while.
type answerer struct {
	nodepb.UnimplementedRingServer
	nodepb.UnimplementedKeysServer
	e     env.Env
	takes time.Duration
	calls int
}

func (s *answerer) Ping(context.Context, *nodepb.PingRequest) (*nodepb.PingResponse, error) {
	s.calls++
	if s.takes > 0 {
		if err := s.e.Sleep(s.takes); err != nil {
			return nil, err
		}
	}
	return &nodepb.PingResponse{}, nil
}

func host(t *testing.T, w *simenv.World, addr string, takes time.Duration) (*simenv.Host, *answerer) {
	t.Helper()
	h, err := w.Host(addr)
	if err != nil {
		t.Fatal(err)
	}
	s := &answerer{e: h, takes: takes}
	h.Serve(s, s, nil)
	return h, s
}

func world(t *testing.T, cfg simenv.Config) *simenv.World {
	w := simenv.New(cfg)
	t.Cleanup(w.Close)
	return w
}

// start starts a task, and fails the test if the host does not start it.
func start(t *testing.T, h *simenv.Host, task func()) {
	t.Helper()
	if err := h.Go(t.Context(), func(context.Context) { task() }); err != nil {
		t.Fatal(err)
	}
}

func ping(h *simenv.Host, addr string, limit time.Duration) error {
	_, err := env.Ring(h, addr, limit).Ping(context.Background(), &nodepb.PingRequest{})
	return err
}

// An hour passes in no time, and everything happens at its own time.
func TestVirtualTime(t *testing.T) {
	w := world(t, simenv.Config{})
	h, _ := host(t, w, "a", 0)
	var log []string
	for _, d := range []time.Duration{time.Hour, time.Minute, time.Second, time.Minute} {
		start(t, h, func() {
			h.Sleep(d)
			log = append(log, w.Elapsed().String())
		})
	}
	w.Run(2 * time.Hour)
	if want := []string{"1s", "1m0s", "1m0s", "1h0m0s"}; !slices.Equal(log, want) || w.Elapsed() != 2*time.Hour {
		t.Errorf("%v at %v, want %v", log, w.Elapsed(), want)
	}
}

func TestCalls(t *testing.T) {
	w := world(t, simenv.Config{Delay: simenv.Fixed(10 * time.Millisecond)})
	a, _ := host(t, w, "a", 0)
	host(t, w, "slow", time.Minute)
	crashed, _ := host(t, w, "crashed", 0)
	crashed.Crash()
	host(t, w, "b", 0)
	for addr, want := range map[string]struct {
		err  error
		took time.Duration
	}{
		"a": {nil, 0}, "b": {nil, 20 * time.Millisecond},
		"slow": {env.ErrTimeout, time.Second}, "crashed": {env.ErrTimeout, time.Second}, "unused": {env.ErrTimeout, time.Second},
	} {
		done := false
		start(t, a, func() {
			begin := w.Elapsed()
			if err := ping(a, addr, time.Second); !errors.Is(err, want.err) || w.Elapsed()-begin != want.took {
				t.Errorf("%s: %v after %v, want %v after %v", addr, err, w.Elapsed()-begin, want.err, want.took)
			}
			done = true
		})
		if !w.RunUntil(time.Hour, time.Second, func() bool { return done }) {
			t.Errorf("%s: never ends", addr)
		}
	}
}

// asked answers pings with a function of the test.
type asked struct {
	nodepb.UnimplementedRingServer
	nodepb.UnimplementedKeysServer
	ping func(ctx context.Context)
}

func (a asked) Ping(ctx context.Context, _ *nodepb.PingRequest) (*nodepb.PingResponse, error) {
	a.ping(ctx)
	return &nodepb.PingResponse{}, nil
}

// The context of a callee ends with the answer, or when its caller's limit has passed, or when the caller has crashed,
// and with it the calls made in its service; the host's own calls and the tasks it starts go on.
func TestContextOfACall(t *testing.T) {
	w := world(t, simenv.Config{Delay: simenv.Fixed(10 * time.Millisecond)})
	a, _ := host(t, w, "a", 0)
	b, _ := host(t, w, "b", 0)
	host(t, w, "slow", time.Minute)
	var log []string
	note := func(what string, err error) { log = append(log, fmt.Sprintf("%v %s: %v", w.Elapsed(), what, err)) }
	ask := func(from *simenv.Host, ctx context.Context, addr string, limit time.Duration) error {
		_, err := env.Ring(from, addr, limit).Ping(ctx, &nodepb.PingRequest{})
		return err
	}
	serve := func(h *simenv.Host, ping func(ctx context.Context)) { h.Serve(asked{ping: ping}, asked{}, nil) }
	run := func(name string, want ...string) {
		t.Helper()
		w.Run(time.Hour - w.Elapsed()%time.Hour)
		if !slices.Equal(log, want) {
			t.Errorf("%s:\ngot  %q\nwant %q", name, log, want)
		}
		log = nil
	}

	var kept context.Context
	serve(b, func(ctx context.Context) {
		kept = ctx
		note("serving", ctx.Err())
		b.Go(ctx, func(ctx context.Context) {
			b.Sleep(time.Second)
			note("task", ctx.Err())
		})
	})
	start(t, a, func() {
		note("caller", ask(a, t.Context(), "b", time.Second))
		note("kept", kept.Err())
	})
	run("answered", "10ms serving: <nil>", "20ms caller: <nil>", "20ms kept: context canceled", "1.01s task: <nil>")

	nested := func(ctx context.Context) {
		note("nested", ask(b, ctx, "slow", 30*time.Second))
		note("serving", ctx.Err())
		note("again", ask(b, ctx, "a", time.Second))
		select {
		case <-ctx.Done():
		default:
			t.Error("an ended context is not done")
		}
	}
	serve(b, nested)
	start(t, a, func() { note("caller", ask(a, t.Context(), "b", 5*time.Second)) })
	run("limit", "1h0m5s caller: "+env.ErrTimeout.Error(), "1h0m5.01s nested: context deadline exceeded",
		"1h0m5.01s serving: context deadline exceeded", "1h0m5.01s again: context deadline exceeded")

	serve(b, nested)
	start(t, a, func() { ask(a, t.Context(), "b", time.Minute) })
	w.At(2*time.Second, a.Crash)
	run("crash", "2h0m2.01s nested: context canceled", "2h0m2.01s serving: context canceled", "2h0m2.01s again: context canceled")

	serve(b, func(ctx context.Context) { note("own", ctx.Err()) })
	start(t, b, func() { note("caller", ask(b, t.Context(), "b", time.Second)) })
	run("own host", "3h0m0s own: <nil>", "3h0m0s caller: <nil>")
}

func TestLossAndDelay(t *testing.T) {
	w := world(t, simenv.Config{Seed: 7, Loss: 0.1, Delay: simenv.Exponential(20 * time.Millisecond)})
	a, _ := host(t, w, "a", 0)
	_, b := host(t, w, "b", 0)
	const calls = 5000
	lost, total := 0, time.Duration(0)
	start(t, a, func() {
		for range calls {
			begin := w.Elapsed()
			if ping(a, "b", 10*time.Second) != nil {
				lost++
			} else {
				total += w.Elapsed() - begin
			}
		}
	})
	w.Run(100 * time.Hour)
	if share := float64(lost) / calls; share < .17 || share > .21 { // 1 - 0.9 * 0.9
		t.Errorf("%.3f of the calls are lost", share)
	}
	if reached := float64(b.calls) / calls; reached < .88 || reached > .92 {
		t.Errorf("%.3f of the requests arrive", reached)
	}
	if mean := total / time.Duration(calls-lost); mean < 38*time.Millisecond || mean > 42*time.Millisecond {
		t.Errorf("a round trip takes %v in the mean", mean)
	}
}

// A crash ends a host's tasks wherever they are, even a task that crashes its own host; callers that wait for the
// host's answers get none.
func TestCrash(t *testing.T) {
	w := world(t, simenv.Config{})
	a, _ := host(t, w, "a", 0)
	b, _ := host(t, w, "b", time.Minute)
	var log []string
	note := func(what string, err error) { log = append(log, fmt.Sprint(what, " ", err)) }
	signal := b.NewSignal()
	start(t, b, func() { note("sleep", b.Sleep(time.Hour)) })
	start(t, b, func() { note("wait", signal.Wait(0)) })
	start(t, b, func() { note("call", ping(b, "a", time.Hour)); note("then", b.Sleep(time.Hour)) })
	start(t, a, func() { note("peer", ping(a, "b", 10*time.Second)) })
	start(t, b, func() {
		b.Sleep(5 * time.Second)
		b.Crash()
		note("own", b.Sleep(0))
	})
	w.Run(time.Hour)
	slices.Sort(log)
	want := []string{"call <nil>", "own " + env.ErrStopped.Error(), "peer " + env.ErrTimeout.Error(), "sleep " + env.ErrStopped.Error(),
		"then " + env.ErrStopped.Error(), "wait " + env.ErrStopped.Error()}
	if !slices.Equal(log, want) {
		t.Errorf("got  %q\nwant %q", log, want)
	}
	if err := b.Go(t.Context(), nil); !errors.Is(err, env.ErrStopped) {
		t.Errorf("Go on a crashed host: %v", err)
	}
	if _, err := w.Host("a"); err == nil {
		t.Error("an address in use is given again")
	}
	if _, err := w.Host("b"); err != nil {
		t.Errorf("the address of a crashed host is not given again: %v", err)
	}
}

func TestSignal(t *testing.T) {
	w := world(t, simenv.Config{})
	h, _ := host(t, w, "a", 0)
	s := h.NewSignal()
	var log []string
	start(t, h, func() {
		log = append(log, fmt.Sprintf("%v %v", s.Wait(time.Second), w.Elapsed()))
		log = append(log, fmt.Sprintf("%v %v", s.Wait(0), w.Elapsed()))
		s.Set()
		log = append(log, fmt.Sprintf("%v %v", s.Wait(0), w.Elapsed()))
	})
	w.At(3*time.Second, s.Set)
	w.Run(time.Minute)
	if want := []string{env.ErrTimeout.Error() + " 1s", "<nil> 3s", "<nil> 3s"}; !slices.Equal(log, want) {
		t.Errorf("%q, want %q", log, want)
	}
}

// The same seed gives the same run, another seed another.
func TestSeed(t *testing.T) {
	run := func(seed uint64) (log []string) {
		w := simenv.New(simenv.Config{Seed: seed, Loss: .05, Delay: simenv.Uniform(time.Millisecond, 50*time.Millisecond)})
		defer w.Close()
		var hosts []*simenv.Host
		for i := range 5 {
			h, _ := host(t, w, fmt.Sprint(i), 10*time.Millisecond)
			hosts = append(hosts, h)
		}
		for i, h := range hosts {
			start(t, h, func() {
				for range 50 {
					to := h.Uint64() % 5
					err := ping(h, fmt.Sprint(to), 100*time.Millisecond)
					log = append(log, fmt.Sprint(i, to, err, w.Elapsed()))
				}
			})
		}
		w.At(time.Second, hosts[2].Crash)
		w.Run(time.Hour)
		return log
	}
	if a, b := run(1), run(1); !slices.Equal(a, b) || len(a) < 200 {
		t.Error("one seed, two runs")
	}
	if slices.Equal(run(1), run(2)) {
		t.Error("two seeds, one run")
	}
}

// While the world follows the wall clock, other goroutines add work and wait for its end.
func TestPace(t *testing.T) {
	w := simenv.New(simenv.Config{Delay: simenv.Fixed(time.Millisecond)})
	a, _ := host(t, w, "a", 0)
	b, _ := host(t, w, "b", 0)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.Pace(ctx)
		w.Close()
	}()
	begin := time.Now()
	var err error
	if e := w.Do(t.Context(), a, func(context.Context) {
		a.Sleep(30 * time.Millisecond)
		err = ping(a, "b", 10*time.Second)
	}); e != nil || err != nil {
		t.Error(e, err)
	}
	if took := time.Since(begin); took < 30*time.Millisecond {
		t.Errorf("32 ms take %v", took)
	}
	if e := w.Do(t.Context(), b, func(context.Context) { b.Crash() }); e == nil {
		t.Log("the task that crashed its host ended first") // both are right
	}
	if e := w.Do(t.Context(), b, func(context.Context) {}); e == nil {
		t.Error("a crashed host takes work")
	}
	cancel()
	<-ended
}

func BenchmarkCall(b *testing.B) {
	w := simenv.New(simenv.Config{})
	defer w.Close()
	h, err := w.Host("a")
	if err != nil {
		b.Fatal(err)
	}
	peer, err := w.Host("b")
	if err != nil {
		b.Fatal(err)
	}
	s := &answerer{}
	peer.Serve(s, s, nil)
	b.ReportAllocs()
	h.Go(b.Context(), func(context.Context) {
		for range b.N {
			ping(h, "b", time.Second)
		}
	})
	b.ResetTimer()
	w.Run(time.Duration(b.N+1) * 2 * time.Millisecond)
	if s.calls != b.N {
		b.Errorf("%d of %d calls", s.calls, b.N)
	}
}

func TestDelays(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 1000 {
		if d := simenv.Uniform(time.Second, 3*time.Second)(r); d < time.Second || d > 3*time.Second {
			t.Fatalf("uniform from 1 to 3 s: %v", d)
		}
	}
}
