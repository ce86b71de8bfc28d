package simtest

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"chordconductor/internal/emissions"
	"chordconductor/node/kv"
	"chordconductor/otel/chordevent"
)

// outsideMembers are metrics of a node process that no member emits: the tests of package otel and of the program cover
// them.
var outsideMembers = []string{chordevent.PeerRefusals.Name, chordevent.TelemetryLost.Name, chordevent.TelemetryQueue.Name, chordevent.NodeAssertions.Name}

// Members emit only documented signals, and all documented ones: rings with every fault run until each event, span,
// metric, attribute and enumerated value has been emitted.
func TestVocabulary(t *testing.T) {
	vocabulary := slices.DeleteFunc(chordevent.Vocabulary(), func(e chordevent.Entry) bool { return slices.Contains(outsideMembers, e.Name) })
	seen := emissions.New()
	const most = 120
	for seed := uint64(1); ; seed++ {
		r := newRing(seed, eventful(seed))
		r.emitted = seen
		r.runPlan()
		if list := seen.Undocumented(vocabulary); len(list) > 0 {
			t.Fatalf("seed %d: emitted and not documented:\n%s", seed, strings.Join(list, "\n"))
		}
		list := seen.Unseen(vocabulary)
		if len(list) == 0 {
			t.Logf("all seen after %d rings", seed)
			break
		}
		if testing.Verbose() {
			t.Logf("ring %d: %d not seen yet", seed, len(list))
		}
		if seed == most {
			t.Fatalf("documented and not emitted in %d rings:\n%s", most, strings.Join(list, "\n"))
		}
	}
}

// runPlan runs the ring's plan and some time beyond it. Other tests verify what the ring promises, under less severe
// faults.
func (r *ring) runPlan() {
	defer r.w.Close()
	o := newOracle(r)
	for range r.plan.hosts {
		r.add()
	}
	r.w.RunUntil(time.Minute, 100*time.Millisecond, r.settled)
	o.on(r.pick(0), time.Minute, func(ctx context.Context, k *kv.Keeper) {
		for n := range r.plan.keys {
			_ = o.write(ctx, k, n, false)
		}
	})
	r.fair = false
	r.apply()
	var last time.Duration
	for _, s := range r.plan.steps {
		r.w.At(s.at, func() { o.do(s) })
		last = s.at
	}
	r.w.Run(last)
	r.heal()
	r.w.Run(30 * time.Second)
}

// eventful draws a small ring with every kind of event.
func eventful(seed uint64) plan {
	d := rand.New(rand.NewPCG(seed, 5))
	p := plan{
		bits: 8 + d.IntN(9), successors: 2 + d.IntN(3), replicas: 1 + d.IntN(3), virtual: 1 + d.IntN(2), hosts: 4 + d.IntN(4),
		keys: 16, value: 200, fill: true, loss: []float64{0, .05}[d.IntN(2)], delay: delay{kind: "uniform", a: time.Millisecond, b: 80 * time.Millisecond},
	}
	if seed%4 == 3 {
		p.memory = []int64{int64(1+seed%5) << 10}
	}
	kinds := []kind{join, leave, leave, crash, crash, restart, cut, oneway, pause, put, get, get, del, put, get, del}
	for at := time.Duration(0); at < 60*time.Second; at += time.Duration(d.IntN(600)) * time.Millisecond {
		k := kinds[d.IntN(len(kinds))]
		s := step{at: at, kind: k, host: d.IntN(1000), n: 1 + d.IntN(2), dur: time.Duration(1+d.IntN(6)) * time.Second}
		switch k {
		case put, get, del:
			s.n = d.IntN(p.keys)
		case cut, oneway:
			s.n = 20 + d.IntN(40)
		}
		if d.IntN(8) == 0 || k == put || k == get || k == del {
			p.steps = append(p.steps, s)
		}
	}
	if d.IntN(3) == 0 {
		p.steps = append(p.steps, step{at: 61 * time.Second, kind: clock, host: d.IntN(100), dur: 3 * time.Minute}, step{at: 80 * time.Second, kind: get})
	}
	return p
}

// Counters show 0 for every value of their enumerated attributes before anything is counted.
func TestCountersBeginAtZero(t *testing.T) {
	r := newRing(1, plan{bits: 8, successors: 2, replicas: 1, hosts: 1})
	defer r.w.Close()
	r.emitted = emissions.New()
	r.add()
	if list := r.emitted.Unstarted([]*chordevent.Metric{
		&chordevent.LookupTimeouts, &chordevent.MaintenanceRounds, &chordevent.PeerFailures, &chordevent.Reservations, &chordevent.KeysMovedCount,
		&chordevent.StoreKeys, &chordevent.StoreSize,
	}); len(list) > 0 {
		t.Errorf("not written:\n%s", strings.Join(list, "\n"))
	}
}
