package main

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"go.uber.org/goleak"

	"chordconductor/node/chord"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// quick is every experiment at a size for daily tests.
var quick = Scale{
	Exponents: []int{4, 6, 8, 10}, PathLookups: 4000,
	BalanceHosts: 2000, Rings: 2, Keys: []int{20_000, 100_000, 200_000}, Virtual: []int{1, 5, 20},
	FailureMembers: 500, FailureLookups: 2000,
	ShockMembers: 40, ShockLookups: 200,
	ChurnMembers: 50, ChurnSpan: 200 * time.Second, ChurnRates: []float64{.02},
	CrowdSettled: []int{4, 16}, CrowdJoining: 40,
	ModeMembers: 50, ModeAsk: 500,
}

// TestFigures measures everything at the small size and requires the tendencies that the page describes.
func TestFigures(t *testing.T) {
	f := &Figures{Seed: 1}
	if err := measure(quick.jobs(f), 2, t.Logf); err != nil {
		t.Fatal(err)
	}
	for _, p := range f.Paths {
		if d := p.Hops.Mean - p.Half(); d > 0.05 || d < -0.55 || p.Exponent >= 6 && d < -0.25 {
			t.Errorf("2^%d members: %.2f hops, ½ log2 N is %.1f", p.Exponent, p.Hops.Mean, p.Half())
		}
		if p.Lists.Mean >= p.Hops.Mean {
			t.Errorf("2^%d members: %.2f hops with lists, %.2f without", p.Exponent, p.Lists.Mean, p.Hops.Mean)
		}
		sum := 0.0
		for _, share := range p.Shares {
			sum += share
		}
		if math.Abs(sum-100) > 0.1 {
			t.Errorf("2^%d members: shares of %.2f %%", p.Exponent, sum)
		}
	}
	for i, b := range f.Virtual {
		if i > 0 && (b.Load.P99 >= f.Virtual[i-1].Load.P99 || b.Load.P1 <= f.Virtual[i-1].Load.P1) {
			t.Errorf("%d members per host balance no better than %d", b.Virtual, f.Virtual[i-1].Virtual)
		}
	}
	if b := f.Virtual[0]; b.Load.P99 < 4 || b.Load.P99 > 5.5 || math.Abs(b.Load.Mean-1) > 1e-4 {
		t.Errorf("one member per host: mean %.3f, 99th percentile %.2f", b.Load.Mean, b.Load.P99)
	}
	for i, row := range f.Failures {
		if row.Failed > 0 || row.Lookups < quick.FailureLookups {
			t.Errorf("%.0f %% dead: %d of %d lookups failed", 100*row.Share, row.Failed, row.Lookups)
		}
		if i > 0 && (row.Hops.Mean <= f.Failures[i-1].Hops.Mean || row.Timeouts.Mean <= f.Failures[i-1].Timeouts.Mean) {
			t.Errorf("%.0f %% dead: %.2f hops and %.2f timeouts, no more than with fewer", 100*row.Share, row.Hops.Mean, row.Timeouts.Mean)
		}
	}
	for _, row := range f.Shocks {
		sound(t, row.Lookups)
	}
	for _, row := range f.Churn {
		if sound(t, row.Lookups); row.Joins == 0 || row.Leaves == 0 {
			t.Errorf("%d joins, %d leaves", row.Joins, row.Leaves)
		}
	}
	for _, c := range f.Crowds {
		if last := c.Errors[len(c.Errors)-1]; last.Error != 0 || last.Waiting != 0 || c.Joined > c.Ideal || c.Ideal > c.Owned || c.Ideal > 30 {
			t.Errorf("%d join %d: all joined after %.1f, ideal after %.1f, owned after %.1f intervals; then %+v", c.Joining, c.Settled, c.Joined, c.Ideal, c.Owned, last)
		}
	}
	for _, m := range f.Modes {
		sound(t, m.Lookups)
	}
	if i, r := f.Modes[0], f.Modes[1]; r.Latency.Mean > 0.8*i.Latency.Mean || math.Abs(i.Hops.Mean-r.Hops.Mean) > 0.3 {
		t.Errorf("recursive: %.2f hops in %.3f s; iterative: %.2f in %.3f s", r.Hops.Mean, r.Latency.Mean, i.Hops.Mean, i.Latency.Mean)
	}
}

// sound requires that lookups were answered, and none wrong.
func sound(t *testing.T, l Lookups) {
	t.Helper()
	if l.Lookups == 0 || l.Unanswered > 0 || l.Wrong > 0 {
		t.Errorf("%d lookups, %d unanswered, %d wrong", l.Lookups, l.Unanswered, l.Wrong)
	}
}

// One seed is one result, however the parts are spread over processors.
func TestSameSeedSameFigures(t *testing.T) {
	measured := func(seed uint64) (c Churn) {
		c, err := measureChurn(0.1, 12, time.Minute, seed)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	a := measured(1)
	if b := measured(1); !reflect.DeepEqual(a, b) {
		t.Errorf("twice the same seed:\n%+v\n%+v", a, b)
	}
	if b := measured(2); reflect.DeepEqual(a, b) {
		t.Error("another seed gives the same")
	}
}

// Rings at rest are ideal as package chord defines it, and their lookups end at the owner.
func TestRingsAtRest(t *testing.T) {
	for _, n := range []int{9, 64, 300} {
		g := newRest(circle, somePeers(n, 1), 8)
		var states []chord.State
		for _, table := range g.tables {
			states = append(states, table.State)
		}
		if !chord.Observe(states).Ideal(circle) {
			t.Errorf("%d members: not ideal", n)
		}
		for i := range n {
			key := numberedKey(1, i)
			if l := g.lookup(i, key, nil); l.owner != g.owner(key) || l.timeouts+l.last > 0 {
				t.Errorf("%d members, lookup %d: %+v, owner is %d", n, i, l, g.owner(key))
			}
		}
	}
}

// docs/results.md and its plots are generated from the figures beside them.
func TestPageIsOfItsFigures(t *testing.T) {
	const docs = "../../../docs"
	f, err := load(filepath.Join(docs, figuresFile))
	if err != nil {
		t.Fatal(err)
	}
	files, err := render(f)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		have, err := os.ReadFile(filepath.Join(docs, name))
		if err != nil {
			t.Error(err)
		} else if !bytes.Equal(have, want) {
			t.Errorf("docs/%s is not of these figures: run `go run ./node/simtest/results -only none`", name)
		}
	}
}

func TestBadArguments(t *testing.T) {
	for _, args := range [][]string{{"more"}, {"-only", "nothing"}, {"-only", "churn", "-out", t.TempDir()}, {"-seed", "x"}} {
		if err := run(args); err == nil {
			t.Errorf("%q is accepted", args)
		}
	}
}
