package member_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/env/faults"
	"chordconductor/node/member"
	"chordconductor/node/simenv"
	"chordconductor/otel/chordevent"
)

var (
	seeds     = flag.Int("seeds", 0, "random scenarios to run; 0: 60, or 5 under the race detector")
	firstSeed = flag.Uint64("seed", 1, "seed of the first one")
)

// A step is one thing that happens to a ring, some time after the step before.
type step struct {
	after time.Duration
	what  string
	pick  int // which host, counted around
	count int
}

func (s step) String() string { return fmt.Sprintf("+%v %s %d×%d", s.after, s.what, s.pick, s.count) }

// draw makes a random schedule.
func draw(r *rand.Rand) []step {
	var steps []step
	for range 6 + r.IntN(14) {
		s := step{after: time.Duration(r.Int64N(int64(3 * time.Second))), pick: r.IntN(1000), count: 1}
		switch n := r.IntN(100); {
		case n < 25:
			s.what, s.count = "join", 1+r.IntN(4)
		case n < 40:
			s.what, s.count = "leave", 1+r.IntN(3)
		case n < 55:
			s.what = "crash"
		case n < 65:
			s.what, s.count = "crash adjacent", 2+r.IntN(2)
		case n < 73:
			s.what = "restart"
		case n < 80:
			s.what, s.count = "partition", 1+r.IntN(8)
		case n < 85:
			s.what, s.count = "one-way partition", 1+r.IntN(4)
		case n < 90:
			s.what = "pause"
		default:
			s.what = "heal"
		}
		steps = append(steps, s)
	}
	return steps
}

const (
	scenarioList = 4
	leastHosts   = scenarioList + 2 // below that no host is removed
)

// scenario is a running schedule.
type scenario struct {
	w        *simWorld
	rec      *recorder
	cfg      member.Config
	hosts    []*host // alive
	gone     []string
	problems []string
	atRest   time.Time // since when the ring has been ideal after the last step; zero: not yet
	lookups  int       // begun since then, and ended
	failed   int
}

// play runs a schedule on a ring and returns what went wrong.
func play(t *testing.T, seed uint64, steps []step) (problems []string, rec *recorder) {
	w := &simWorld{World: simenv.New(simenv.Config{Seed: seed, Delay: simenv.Uniform(time.Millisecond, 20*time.Millisecond), Loss: 0.001})}
	defer w.Close()
	s := &scenario{w: w, rec: newRecorder(w.Now), cfg: member.Config{
		Stabilize: base, CallLimit: 250 * time.Millisecond, Successors: scenarioList, RingOnly: true,
	}}
	w.events = s.rec
	for range 8 {
		s.join(t)
		w.Run(50 * time.Millisecond)
	}
	w.Run(5 * time.Second)
	s.load()
	for _, step := range steps {
		w.Run(step.after)
		s.do(t, step)
	}
	s.heal()
	if !w.RunUntil(2*time.Minute, 100*time.Millisecond, s.ideal) {
		s.problem("not ideal two minutes after the last step:%s", s.picture())
	}
	s.atRest = w.Now()
	if !w.RunUntil(time.Minute, 100*time.Millisecond, func() bool { return s.lookups >= 100 }) {
		s.problem("only %d lookups on an ideal ring ended within a minute", s.lookups)
	}
	if s.failed > 0 {
		s.problem("%d of %d lookups on an ideal ring failed", s.failed, s.lookups)
	}
	return append(s.problems, s.rec.gaps...), s.rec
}

func (s *scenario) problem(format string, args ...any) {
	s.problems = append(s.problems, fmt.Sprintf("%v: ", s.w.Elapsed())+fmt.Sprintf(format, args...))
}

func (s *scenario) do(t *testing.T, step step) {
	// The first host stays: joining and restarted hosts join through it.
	pick := func() *host { return s.hosts[1+step.pick%(len(s.hosts)-1)] }
	spare := len(s.hosts) - leastHosts
	switch step.what {
	case "join":
		for range step.count {
			s.join(t)
		}
	case "leave":
		for range min(step.count, spare) {
			s.leave(pick())
		}
	case "crash":
		if spare > 0 {
			s.crash(pick())
		}
	case "crash adjacent":
		hosts := s.byID()
		for i := range min(step.count, spare) {
			if h := hosts[(step.pick+i)%len(hosts)]; h != s.hosts[0] {
				s.crash(h)
			}
		}
	case "restart":
		if len(s.gone) > 0 {
			at := step.pick % len(s.gone)
			addr := s.gone[at]
			s.gone = slices.Delete(s.gone, at, at+1)
			s.joinAt(t, addr)
		}
	case "partition", "one-way partition":
		n := min(step.count, len(s.hosts)/2)
		from := step.pick % len(s.hosts)
		around := append(slices.Clone(s.hosts[from:]), s.hosts[:from]...)
		s.block(around[:n], around[n:])
		if step.what == "partition" {
			s.block(around[n:], around[:n])
		}
	case "pause":
		pick().faults.Pause()
	case "heal":
		s.heal()
	}
}

func (s *scenario) join(t *testing.T) {
	s.w.hosts++
	s.joinAt(t, fmt.Sprintf("host%d:7001", s.w.hosts))
}

func (s *scenario) joinAt(t *testing.T, addr string) {
	cfg := s.cfg
	if len(s.hosts) > 0 {
		cfg.Join = []string{s.hosts[0].Address(), s.hosts[s.w.hosts%len(s.hosts)].Address()}
	}
	h := s.w.hostAt(t, cfg, addr)
	s.hosts = append(s.hosts, h)
	if _, err := h.Start(1); err != nil {
		s.problem("start: %v", err)
	}
}

func (s *scenario) crash(h *host) {
	h.stop()
	s.drop(h)
}

func (s *scenario) drop(h *host) {
	if !slices.Contains(s.hosts, h) {
		return
	}
	s.hosts = slices.DeleteFunc(s.hosts, func(other *host) bool { return other == h })
	s.gone = append(s.gone, h.Address())
}

func (s *scenario) leave(h *host) {
	if !slices.Contains(s.hosts, h) {
		return
	}
	s.w.task(h, func(ctx context.Context) {
		if _, err := h.Leave(ctx); err != nil {
			return // it stays, as it may while others fail around it
		}
		s.w.At(0, func() {
			h.stop()
			s.drop(h)
		})
	})
}

func (s *scenario) byID() []*host {
	hosts := slices.DeleteFunc(slices.Clone(s.hosts), func(h *host) bool { return len(h.Members()) == 0 })
	slices.SortFunc(hosts, func(a, b *host) int { return a.Members()[0].Self().ID.Compare(b.Members()[0].Self().ID) })
	return hosts
}

func (s *scenario) block(from, to []*host) {
	for _, h := range from {
		var rules []faults.Rule
		for _, other := range to {
			rules = append(rules, faults.Rule{Address: other.Address(), Cut: true})
		}
		h.faults.Set(rules)
	}
}

func (s *scenario) heal() {
	for _, h := range s.hosts {
		h.faults.Set(nil)
		h.faults.Resume()
	}
}

// load looks up keys from changing hosts, one after the other, and checks every answer.
func (s *scenario) load() {
	n := 0
	var next func()
	next = func() {
		n++
		h := s.hosts[n%len(s.hosts)]
		mode := []member.Mode{member.Recursive, member.Iterative}[n%2]
		if m := h.Any(); m != nil && m.Status() == chordevent.StatusActive {
			key := h.Space().Hash(fmt.Append(nil, n))
			s.w.task(h, func(ctx context.Context) { s.lookup(ctx, m, key, mode) })
		}
		s.w.At(20*time.Millisecond, next)
	}
	next()
}

func (s *scenario) lookup(ctx context.Context, m *member.Member, key chord.ID, mode member.Mode) {
	start := s.w.Now()
	found, err := m.Find(ctx, key, mode)
	if !s.atRest.IsZero() && !start.Before(s.atRest) {
		s.lookups++
		if err != nil {
			s.failed++
		}
	}
	if err == nil && !s.rec.covered(found.Owner.ID, key, start, s.w.Now()) {
		self := m.Self().ID
		s.problem("lookup of %x from %x: wrong owner %x", key[:2], self[:2], found.Owner.ID[:2])
	}
}

func (s *scenario) states() []chord.State {
	var states []chord.State
	for _, h := range s.hosts {
		for _, m := range h.Members() {
			if m.Status() == chordevent.StatusJoining {
				return nil
			}
			states = append(states, m.State())
		}
	}
	return states
}

func (s *scenario) ideal() bool {
	states := s.states()
	return states != nil && chord.Observe(states).Ideal(s.hosts[0].Space())
}

func (s *scenario) picture() string {
	var b strings.Builder
	for _, h := range s.byID() {
		m := h.Members()[0]
		st := m.State()
		fmt.Fprintf(&b, "\n  %s %x %s pred %x succ", h.Address(), st.Self.ID[:2], m.Status(), st.Pred.ID[:2])
		for _, p := range st.Live() {
			fmt.Fprintf(&b, " %x", p.ID[:2])
		}
	}
	return b.String()
}

// TestRandomScenarios plays random schedules. Once a schedule has ended the ring must become ideal by itself, and no
// lookup may have returned a wrong owner. A failing seed is printed with the shortest schedule that still fails.
func TestRandomScenarios(t *testing.T) {
	runs := *seeds
	switch {
	case runs == 0 && raceDetector:
		runs = 5
	case runs == 0:
		runs = 60
	}
	for i := range runs {
		seed := *firstSeed + uint64(i)
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			steps := draw(rand.New(rand.NewPCG(seed, 1)))
			problems, _ := play(t, seed, steps)
			if len(problems) == 0 {
				return
			}
			steps, problems = shrink(t, seed, steps, problems)
			var b strings.Builder
			for _, s := range steps {
				fmt.Fprintln(&b, " ", s)
			}
			t.Errorf("seed %d fails (go test -run TestRandomScenarios ./node/member -seed %d -seeds 1); shortest schedule:\n%s%s",
				seed, seed, b.String(), strings.Join(problems[:min(len(problems), 10)], "\n"))
		})
	}
}

// shrink leaves out steps as long as the schedule fails without them.
func shrink(t *testing.T, seed uint64, steps []step, problems []string) ([]step, []string) {
	for tries, again := 0, true; again && tries < 200; {
		again = false
		for size := max(len(steps)/2, 1); size >= 1; size /= 2 {
			for at := 0; at+size <= len(steps) && tries < 200; {
				tries++
				fewer := slices.Delete(slices.Clone(steps), at, at+size)
				if p, _ := play(t, seed, fewer); len(p) > 0 {
					steps, problems, again = fewer, p, true
				} else {
					at += size
				}
			}
		}
	}
	return steps, problems
}

// Two runs with one seed must emit the same events, with the same attributes.
func TestSameSeedSameRun(t *testing.T) {
	run := func() *recorder {
		_, rec := play(t, 42, draw(rand.New(rand.NewPCG(42, 1))))
		return rec
	}
	a, b := run(), run()
	if a.sum() != b.sum() {
		for i := range a.tail {
			if i >= len(b.tail) || a.tail[i] != b.tail[i] {
				t.Fatalf("two runs of one seed differ:\n%s\n%s", a.tail[i], b.tail[min(i, len(b.tail)-1)])
			}
		}
		t.Fatal("two runs of one seed differ")
	}
	if _, rec := play(t, 43, draw(rand.New(rand.NewPCG(42, 1)))); rec.sum() == a.sum() {
		t.Error("another seed gives the same run")
	}
}
