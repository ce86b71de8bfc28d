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

type answerer struct {
	nodepb.UnimplementedRingServer
	nodepb.UnimplementedKeysServer
	calls int
}

func (s *answerer) Ping(context.Context, *nodepb.PingRequest) (*nodepb.PingResponse, error) {
	s.calls++
	return &nodepb.PingResponse{}, nil
}

// pair is two hosts with a layer each, on a network that delays each message by 10 ms.
type pair struct {
	t    *testing.T
	w    *simenv.World
	a, b *faults.Layer
	at   map[string]*answerer
}

func newPair(t *testing.T) *pair {
	p := &pair{t: t, w: simenv.New(simenv.Config{Seed: 3, Delay: simenv.Fixed(10 * time.Millisecond)}), at: map[string]*answerer{}}
	t.Cleanup(p.w.Close)
	layer := func(addr string) *faults.Layer {
		e, err := p.w.Host(addr)
		if err != nil {
			t.Fatal(err)
		}
		l, s := faults.New(e, addr), &answerer{}
		e.Serve(s, s, l.Serve)
		p.at[addr] = s
		return l
	}
	p.a, p.b = layer("a"), layer("b")
	return p
}

// ping calls one host from the other, and returns the time that this took, and the error.
func (p *pair) ping(from *faults.Layer, self, to string) (took time.Duration, err error) {
	p.t.Helper()
	done := false
	if e := from.Go(p.t.Context(), func(ctx context.Context) {
		begin := from.Now()
		_, err = env.Ring(from, to, time.Second).Ping(ctx, &nodepb.PingRequest{Call: &nodepb.Call{From: &nodepb.Peer{Address: self}}})
		took, done = from.Now().Sub(begin), true
	}); e != nil {
		p.t.Fatal(e)
	}
	if !p.w.RunUntil(time.Hour, 10*time.Millisecond, func() bool { return done }) {
		p.t.Fatal("a call never ends")
	}
	return took, err
}

func (p *pair) set(l *faults.Layer, rules ...faults.Rule) {
	p.t.Helper()
	if err := l.Set(rules); err != nil {
		p.t.Fatal(err)
	}
}

// In a one-way partition the host's calls and answers do not arrive, but it receives what is sent
// to it.
func TestOneWayPartition(t *testing.T) {
	p := newPair(t)
	p.set(p.a, faults.Rule{Address: "b", Cut: true})
	if took, err := p.ping(p.a, "a", "b"); !errors.Is(err, env.ErrTimeout) || took != time.Second || p.at["b"].calls != 0 {
		t.Errorf("a to b: %v after %v, %d arrived", err, took, p.at["b"].calls)
	}
	if took, err := p.ping(p.b, "b", "a"); !errors.Is(err, env.ErrTimeout) || took != time.Second || p.at["a"].calls != 1 {
		t.Errorf("b to a: %v after %v, %d arrived", err, took, p.at["a"].calls)
	}
	if _, err := p.ping(p.a, "a", "a"); err != nil {
		t.Errorf("a to itself: %v", err)
	}
	p.set(p.a)
	if took, err := p.ping(p.a, "a", "b"); err != nil || took != 20*time.Millisecond {
		t.Errorf("healed: %v after %v", err, took)
	}
}

func TestLatencyAndLoss(t *testing.T) {
	p := newPair(t)
	p.set(p.a, faults.Rule{Address: faults.All, Latency: 100 * time.Millisecond})
	if took, err := p.ping(p.a, "a", "b"); err != nil || took != 120*time.Millisecond {
		t.Errorf("slow request: %v after %v", err, took)
	}
	if took, err := p.ping(p.b, "b", "a"); err != nil || took != 120*time.Millisecond {
		t.Errorf("slow answer: %v after %v", err, took)
	}
	p.set(p.a, faults.Rule{Address: faults.All, Latency: 2 * time.Second})
	if took, err := p.ping(p.a, "a", "b"); !errors.Is(err, env.ErrTimeout) || took != time.Second {
		t.Errorf("slower than the limit: %v after %v", err, took)
	}
	// The rule for an address takes precedence over the one for all.
	p.set(p.a, faults.Rule{Address: faults.All, Cut: true}, faults.Rule{Address: "b", Loss: 0.25})
	lost := 0
	for range 400 {
		if _, err := p.ping(p.a, "a", "b"); err != nil {
			lost++
		}
	}
	if lost < 70 || lost > 130 {
		t.Errorf("%d of 400 lost, want about 100", lost)
	}
}

// Random delays keep their bounds and means; the delays of request and answer are independent.
func TestRandomDelays(t *testing.T) {
	for name, test := range map[string]struct {
		rule     faults.Rule
		mean     time.Duration
		low, top time.Duration // bounds of the request's delay
	}{
		"jitter":      {faults.Rule{Address: "b", Latency: 20 * time.Millisecond, Jitter: 40 * time.Millisecond}, 40 * time.Millisecond, 20 * time.Millisecond, 60 * time.Millisecond},
		"exponential": {faults.Rule{Address: "b", Exponential: 40 * time.Millisecond}, 40 * time.Millisecond, 0, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t)
			p.set(p.a, test.rule)
			var sum time.Duration
			const n = 1000
			for range n {
				took, err := p.ping(p.a, "a", "b")
				took -= 20 * time.Millisecond // the network itself, in both directions
				if err != nil || took < test.low || took > test.top {
					t.Fatalf("delay %v, %v", took, err)
				}
				sum += took
			}
			if mean := sum / n; mean < test.mean*9/10 || mean > test.mean*11/10 {
				t.Errorf("mean delay %v, want about %v", mean, test.mean)
			}
		})
	}
}

// While a host is paused its tasks stop and it is silent to others. After Resume it continues where
// it was.
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
	if _, err := p.ping(p.a, "a", "b"); !errors.Is(err, env.ErrTimeout) {
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
	if _, err := p.ping(p.a, "a", "b"); err != nil {
		t.Errorf("resumed: %v", err)
	}
}

func TestBadRules(t *testing.T) {
	p := newPair(t)
	for _, r := range []faults.Rule{{}, {Address: "b", Loss: 1.5}, {Address: "b", Loss: math.NaN()}, {Address: "b", Latency: -1}, {Address: "b", Jitter: -1}, {Address: "b", Exponential: 2 * time.Hour}} {
		if err := p.a.Set([]faults.Rule{r}); err == nil {
			t.Errorf("%+v is accepted", r)
		}
	}
}
