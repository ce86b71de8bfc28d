package truthtest

import (
	"cmp"
	"flag"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"chordconductor/conductor/ring"
	"chordconductor/node/kv"
	"chordconductor/node/member"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	seeds = flag.Int("seeds", defaultSeeds, "random rings to judge")
	seed  = flag.Uint64("seed", 0, "judge the ring of this seed alone")
)

const (
	settleLimit = 5 * time.Minute
	// silence is how long it takes until a member that ended without a report is shown as silent.
	silence = 3 * keyframe
)

// TestViewIsTrue judges random rings in virtual time.
func TestViewIsTrue(t *testing.T) {
	first, last := uint64(1), uint64(*seeds)
	if *seed != 0 {
		first, last = *seed, *seed
	}
	type result struct {
		w   *world
		err error
	}
	results := make([]result, last-first+1)
	var next atomic.Uint64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) { // one seed is one run whatever runs beside it
		workers.Go(func() {
			for at := next.Add(1) - 1; at < uint64(len(results)); at = next.Add(1) - 1 {
				w := newWorld(first+at, randomPlan(first+at))
				err := w.run()
				w.sim.Close()
				results[at] = result{w, err}
				w.forget()
			}
		})
	}
	workers.Wait()
	var total, rings counts
	var byField [fields]counts
	var batches, dropped, doubled, late, overflowed int
	for at, r := range results {
		n, w := first+uint64(at), r.w
		total.add(w.judge.counts)
		rings.add(w.judge.rings)
		for f, c := range w.judge.byField {
			byField[f].add(c)
		}
		batches, dropped, doubled, late, overflowed = batches+w.batches, dropped+w.dropped, doubled+w.doubled, late+w.latecomers, overflowed+w.overflowed
		if r.err != nil {
			t.Errorf("seed %d (run it alone with -seed %d): %v\n%v", n, n, r.err, w.plan)
		}
		if testing.Verbose() {
			t.Logf("seed %d: %v", n, w.judge.counts)
		}
	}
	for f, c := range byField {
		t.Logf("%-12s %v", fieldNames[f], c)
	}
	t.Logf("%d rings under faults for 2 minutes: %v", last-first+1, total)
	t.Logf("the ring as a whole: %v", rings)
	t.Logf("telemetry: of %d batches %d lost, %d doubled, %d late; %d events overwritten in full queues", batches, dropped, doubled, late, overflowed)
}

// run carries out the plan. The error describes where the view was wrong.
func (w *world) run() error {
	for range w.plan.hosts {
		w.add()
	}
	if !w.sim.RunUntil(settleLimit, lookEvery, w.settled) {
		return fmt.Errorf("the first %d hosts do not make a ring", w.plan.hosts)
	}
	w.conditions, w.looking = w.plan.conditions, true
	w.look()
	steps := slices.Clone(w.plan.steps)
	slices.SortStableFunc(steps, func(a, b step) int { return cmp.Compare(a.at, b.at) })
	for _, s := range steps {
		w.sim.At(s.at, func() { w.do(s) })
	}
	w.sim.Run(w.plan.length)
	w.conditions = conditions{}
	w.heal()
	if !w.sim.RunUntil(settleLimit, lookEvery, w.settled) {
		return fmt.Errorf("the ring itself is not ideal %v after the faults", settleLimit)
	}
	// Everything is quiet: a keyframe period later the view is complete, and after silence it shows which members are
	// gone.
	w.sim.Run(keyframe + w.plan.conditions.lateBy + retryEvery + 2*exportEvery)
	if wrong := w.quiet(func(wrong, _ []string) []string { return wrong }); len(wrong) > 0 {
		return fmt.Errorf("all is quiet, and the view is not the ground truth:\n%s", strings.Join(wrong, "\n"))
	}
	w.sim.Run(silence - keyframe)
	if wrong := w.quiet(func(wrong, ghosts []string) []string { return append(wrong, ghosts...) }); len(wrong) > 0 {
		return fmt.Errorf("all has been quiet, and the view is not the ground truth:\n%s", strings.Join(wrong, "\n"))
	}
	if w.judge.counts.unmarked+w.judge.rings.unmarked > 0 {
		return fmt.Errorf("%v\n%s", w.judge.counts, strings.Join(w.judge.wrong, "\n"))
	}
	// A reported death of an incarnation of which no event has come is certain only when an outage would be over.
	w.sim.RunUntil(settleLimit, lookEvery, func() bool { return w.shown().Certainty.All() })
	if v := w.shown(); v.Status != ring.Ideal || !v.Certainty.All() || v.Error+v.ErrorUnknown != 0 || v.Gaps+v.Overlaps > 0 {
		return fmt.Errorf("the ring is ideal, and the view shows %s, error %d, certainty %+v, %d gaps, %d overlaps", v.Status, v.Error, v.Certainty, v.Gaps, v.Overlaps)
	}
	return nil
}

// forget drops everything but the counts.
func (w *world) forget() {
	w.hosts, w.fold, w.view, w.sim, w.judge.subjects = nil, nil, nil, nil, nil
}

// quiet returns the differences that remain once nothing has changed for longer than members take to report their load:
// until then replicas may still be dropped.
func (w *world) quiet(of func(wrong, ghosts []string) []string) (wrong []string) {
	still := func() bool { return w.sim.Now().Sub(w.judge.changed) > loadPause+2*exportEvery+lookEvery }
	if !w.sim.RunUntil(settleLimit, lookEvery, func() bool {
		if !still() {
			return false
		}
		wrong = of(w.judge.differences(w.sim.Now(), w.shown(), w.members()))
		return len(wrong) == 0 || still() // else something changed just now
	}) {
		return append(wrong, fmt.Sprintf("members still change after %v", settleLimit))
	}
	return wrong
}

func (w *world) do(s step) {
	switch s.kind {
	case join:
		if len(w.hosts) < 16 && !w.partitioned {
			w.add()
		}
	case leave:
		if h := w.pick(s.host); !h.leaving && len(w.hosts) > 3 && !w.partitioned {
			w.leave(h)
		}
	case crash, restart:
		for i := range s.n {
			if len(w.hosts) <= max(3, w.plan.replicas) {
				break
			}
			h := w.pick(s.host + i)
			w.crash(h)
			if s.kind == restart {
				w.sim.At(time.Duration(s.host)*3*time.Millisecond, func() { w.addAt(h.addr) })
			}
		}
	case partition:
		w.separate(s.n)
	case heal:
		w.heal()
	case put:
		w.put(w.pick(s.host), s.n)
	case outage:
		for i, h := range w.hosts {
			h.path.blocked = i*100 < s.n*len(w.hosts)
		}
	case kill:
		w.down = true
	case listen:
		w.listen()
	}
}

func keeperOf(m *member.Member) *kv.Keeper { return m.Keys().(*kv.Keeper) }
