package faults_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"go.uber.org/goleak"

	"chordconductor/node/env"
	"chordconductor/node/env/faults"
	"chordconductor/node/nodepb"
	"chordconductor/node/simenv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type stub struct {
	nodepb.UnimplementedRingServer
	nodepb.UnimplementedKeysServer
	calls int
}

func (s *stub) Ping(context.Context, *nodepb.PingRequest) (*nodepb.PingResponse, error) {
	s.calls++
	return &nodepb.PingResponse{}, nil
}

// two hosts with a layer each, on a network of 10 ms.
type pair struct {
	t    *testing.T
	w    *simenv.World
	a, b *faults.Layer
	at   map[string]*stub
}

func newPair(t *testing.T) *pair {
	p := &pair{t: t, w: simenv.New(simenv.Config{Seed: 3, Delay: simenv.Fixed(10 * time.Millisecond)}), at: map[string]*stub{}}
	t.Cleanup(p.w.Close)
	layer := func(addr string) *faults.Layer {
		e, err := p.w.Host(addr)
		if err != nil {
			t.Fatal(err)
		}
		l, s := faults.New(e, addr), &stub{}
		e.Serve(l.ServeRing(s), l.ServeKeys(s))
		p.at[addr] = s
		return l
	}
	p.a, p.b = layer("a"), layer("b")
	return p
}

// ping calls from one to the other, and returns the end and the time it took.
func (p *pair) ping(from *faults.Layer, self, to string) (err error, took time.Duration) {
	p.t.Helper()
	done := false
	if e := from.Go(p.t.Context(), func(ctx context.Context) {
		begin := from.Now()
		_, err = from.Ring(to, time.Second).Ping(ctx, &nodepb.PingRequest{Call: &nodepb.Call{From: &nodepb.Peer{Address: self}}})
		took, done = from.Now().Sub(begin), true
	}); e != nil {
		p.t.Fatal(e)
	}
	if !p.w.RunUntil(time.Hour, 10*time.Millisecond, func() bool { return done }) {
		p.t.Fatal("a call never ends")
	}
	return err, took
}

func (p *pair) set(l *faults.Layer, rules ...faults.Rule) {
	p.t.Helper()
	if err := l.Set(rules); err != nil {
		p.t.Fatal(err)
	}
}

// A cut on one side: its calls do not arrive, and its answers do not either, but what it is told it hears.
func TestOneWayCut(t *testing.T) {
	p := newPair(t)
	p.set(p.a, faults.Rule{Address: "b", Cut: true})
	if err, took := p.ping(p.a, "a", "b"); !errors.Is(err, env.ErrTimeout) || took != time.Second || p.at["b"].calls != 0 {
		t.Errorf("a to b: %v after %v, %d arrived", err, took, p.at["b"].calls)
	}
	if err, took := p.ping(p.b, "b", "a"); !errors.Is(err, env.ErrTimeout) || took != time.Second || p.at["a"].calls != 1 {
		t.Errorf("b to a: %v after %v, %d arrived", err, took, p.at["a"].calls)
	}
	if err, _ := p.ping(p.a, "a", "a"); err != nil {
		t.Errorf("a to itself: %v", err)
	}
	p.set(p.a)
	if err, took := p.ping(p.a, "a", "b"); err != nil || took != 20*time.Millisecond {
		t.Errorf("healed: %v after %v", err, took)
	}
}

func TestLatencyAndLoss(t *testing.T) {
	p := newPair(t)
	p.set(p.a, faults.Rule{Address: faults.All, Latency: 100 * time.Millisecond})
	if err, took := p.ping(p.a, "a", "b"); err != nil || took != 120*time.Millisecond {
		t.Errorf("slow request: %v after %v", err, took)
	}
	if err, took := p.ping(p.b, "b", "a"); err != nil || took != 120*time.Millisecond {
		t.Errorf("slow answer: %v after %v", err, took)
	}
	p.set(p.a, faults.Rule{Address: faults.All, Latency: 2 * time.Second})
	if err, took := p.ping(p.a, "a", "b"); !errors.Is(err, env.ErrTimeout) || took != time.Second {
		t.Errorf("slower than the limit: %v after %v", err, took)
	}
	// The rule for an address goes before the one for all.
	p.set(p.a, faults.Rule{Address: faults.All, Cut: true}, faults.Rule{Address: "b", Loss: 0.25})
	lost := 0
	for range 400 {
		if err, _ := p.ping(p.a, "a", "b"); err != nil {
			lost++
		}
	}
	if lost < 70 || lost > 130 {
		t.Errorf("%d of 400 lost, want about 100", lost)
	}
}

// While a host is paused nothing of it moves; to others it is silent. Then it goes on where it was.
func TestPause(t *testing.T) {
	p := newPair(t)
	var woke time.Duration
	if err := p.b.Go(t.Context(), func(context.Context) {
		p.b.Sleep(time.Second)
		woke = p.w.Elapsed()
	}); err != nil {
		t.Fatal(err)
	}
	p.b.Pause()
	if err, _ := p.ping(p.a, "a", "b"); !errors.Is(err, env.ErrTimeout) {
		t.Errorf("a paused host answers: %v", err)
	}
	p.w.Run(5 * time.Second)
	if woke != 0 {
		t.Errorf("a task of a paused host went on at %v", woke)
	}
	p.b.Resume()
	p.w.Run(time.Second)
	if woke < 5*time.Second {
		t.Errorf("woke at %v", woke)
	}
	if err, _ := p.ping(p.a, "a", "b"); err != nil {
		t.Errorf("resumed: %v", err)
	}
}

func TestBadRules(t *testing.T) {
	p := newPair(t)
	for _, r := range []faults.Rule{{}, {Address: "b", Loss: 1.5}, {Address: "b", Loss: math.NaN()}, {Address: "b", Latency: -1}} {
		if err := p.a.Set([]faults.Rule{r}); err == nil {
			t.Errorf("%+v is accepted", r)
		}
	}
}
