package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"chordconductor/conductor/live"
	"chordconductor/conductor/ring"
	"chordconductor/conductor/sim/load"
	"chordconductor/conductor/sim/scenario"
	"chordconductor/internal/duration"
	"chordconductor/node/chord"
)

const (
	maxNotes      = 100 // things that went otherwise than planned, in a Result
	maxViolations = 1000
	maxPoints     = 90_000 // of the timeline: a day of seconds; at the bound the first quarter is dropped
	settleLimit   = time.Second

	// underWayLimit is how long joins and leaves that are under way at the end are waited for before they count as not done.
	underWayLimit = time.Minute
)

// A simulation is one scenario on one fleet.
type simulation struct {
	scenario *scenario.Scenario
	site     *activeDeployment
	world    *scope
	fleet    Fleet
	view     func() *ring.View
	stats    func() live.Stats
	watch    *Watch
	faults   *faults
	driver   *load.Driver
	virtual  bool
	began    time.Time

	mu         sync.Mutex // guards all below
	rand       *rand.Rand // chooses whom a phase hits
	timeline   []Point
	repairs    []Repair
	violations map[string]ring.Violation
	results    []PhaseResult // one per step begun: before the first phase, then one per phase
	begun      []bool        // by phase of the scenario
	waiting    []repairWait  // phases that are over, while the ring is not ideal again
	drift      viewAccuracy
	notes      []string
	phase      string
	stopping   map[chord.ID]bool // members told to stop, so that nobody is hit twice
	stoppedBy  map[chord.ID]int  // of these, who was stopped, with the phase's index in results
	leavers    map[chord.ID]int  // of these, who accepted a command to leave, with the phase's index in results
	joiners    map[chord.ID]int  // members that were started, with the phase's index in results
	ended      bool
	finished   bool
	failure    string
	took       time.Duration // as of the last look; final when ended
}

func newSimulation(s *scenario.Scenario, here *activeDeployment, cfg Config) *simulation {
	sim := &simulation{
		scenario: s, site: here, world: newScope(here.World), fleet: here.Fleet, faults: here.faults,
		view: cfg.View, stats: cfg.Stats, watch: cfg.Watch,
		rand:       rand.New(rand.NewPCG(s.Seed, 0xfa0175)),
		violations: make(map[string]ring.Violation), stopping: make(map[chord.ID]bool), stoppedBy: make(map[chord.ID]int), leavers: make(map[chord.ID]int), joiners: make(map[chord.ID]int),
		begun: make([]bool, len(s.Phases)),
	}
	cfg.Watch.reset()
	sim.driver = load.New(load.Config{
		World: sim.world, Workload: s.Workload, Seed: s.Seed, Replicas: max(1, here.Fleet.Replicas()),
		Pick:     func(n uint64) (load.Store, bool) { return pick(here.Fleet, n) },
		Answered: cfg.Watch.Answered,
	})
	return sim
}

// begin sets the clock to zero. Like all below that uses the clock, it is called within the world.
func (s *simulation) begin() { s.began = s.world.Now() }

// repairWait is a phase whose repair is being timed.
type repairWait struct {
	result int // index in results
	since  time.Time
}

// run is the simulation's life, from the first member to the verdict. It returns when the scenario is over, or early
// when the world ends.
func (s *simulation) run(ctx context.Context) {
	s.enter("start")
	running := s.world.NewSignal()
	if s.world.Go(ctx, func(context.Context) {
		s.driver.Run()
		running.Set()
	}) != nil {
		return
	}
	if s.world.Go(ctx, s.monitor) != nil || s.world.Go(ctx, s.populate) != nil {
		return
	}
	s.travel(ctx)
	for i, p := range s.scenario.Phases {
		if s.world.Go(ctx, func(ctx context.Context) { s.perform(ctx, i, p) }) != nil {
			return
		}
	}
	if s.scenario.Duration == 0 {
		return // until stopped: the tasks go on
	}
	if s.sleepUntil(s.scenario.Duration) != nil {
		return
	}
	s.setPhase("verdict")
	s.driver.Stop()
	if err := s.faults.clear(ctx); err != nil {
		s.note("healing at the end: %v", err)
	}
	if running.Wait(0) != nil {
		return
	}
	if err := s.driver.Sweep(ctx); err != nil {
		return
	}
	if s.world.Sleep(settleLimit+judgeAfter) != nil { // the last events arrive, the last answers are judged
		return
	}
	for limit := s.world.Now().Add(underWayLimit); len(s.underWay()) > 0 && s.world.Now().Before(limit); {
		if s.world.Sleep(lookEvery) != nil {
			return
		}
	}
	s.watch.Judge(s.world.Now())
	s.conclude()
}

// travel has a ring that was there before meet the scenario's network; a ring of the scenario's own was made on it.
func (s *simulation) travel(ctx context.Context) {
	if s.scenario.OwnRing {
		return
	}
	err := s.faults.setNetwork(ctx, s.scenario.Network)
	if n := s.scenario.Network; n.Latency == 0 && n.Jitter == 0 && n.Loss == 0 {
		return
	}
	planned, done := s.faults.settled()
	s.mu.Lock()
	s.results[0].Planned += planned
	s.results[0].Done += done
	s.mu.Unlock()
	if err != nil {
		s.note("network: %v", err)
	}
}

// underWay lists, by their phases, the members that were started and have not joined, and those that were told to leave
// and are there. Who has joined and is gone since counts as joined.
func (s *simulation) underWay() (phases []int) {
	hosts, v := s.fleet.Hosts(), s.view()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range hosts {
		for _, m := range h.Members {
			if phase, ok := s.leavers[m.ID]; ok {
				phases = append(phases, phase)
			} else if phase, ok := s.joiners[m.ID]; ok && !m.Joined {
				if seen := v.Member(m.ID); seen == nil || seen.Status == ring.Joining {
					phases = append(phases, phase)
				}
			}
		}
	}
	for _, m := range v.Members { // a fleet may list those no more that have only begun to leave
		if phase, ok := s.leavers[m.ID]; ok && m.Status == ring.Leaving {
			if _, listed := hostOf(hosts, m.ID); !listed {
				phases = append(phases, phase)
			}
		}
	}
	return phases
}

// conclude ends the simulation at its end. What is under way then has not been done.
func (s *simulation) conclude() {
	unfinished := s.underWay()
	s.mu.Lock()
	for _, phase := range unfinished {
		s.results[phase].Done--
	}
	for i, p := range s.scenario.Phases { // on a machine that lags, one may not have come to its turn
		if !s.begun[i] {
			now := s.elapsed()
			s.results = append(s.results, PhaseResult{Name: p.Name, From: now, To: now, Planned: 1, Partial: p.AllowPartial})
		}
	}
	s.ended, s.finished = true, true
	s.phase = "finished"
	s.took = s.elapsed()
	s.mu.Unlock()
	s.world.end()
}

// abort ends a simulation that has not come to its end.
func (s *simulation) abort() {
	s.driver.Stop()
	s.mu.Lock()
	if !s.ended {
		s.ended, s.took = true, s.elapsed()
		s.phase = "stopped"
		if s.scenario.Duration > 0 {
			s.failure = "stopped after " + duration.Text(s.took.Round(100*time.Millisecond))
		}
	}
	s.mu.Unlock()
	s.world.end()
}

// over reports whether the simulation has reached its end.
func (s *simulation) over() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// populate starts the ring's members: the first founds it, the others follow over a few seconds, so that one can watch,
// and over two stabilize intervals at least, so that the ring can keep up. On a machine that is too slow for that, they
// follow as the ones before find their places.
func (s *simulation) populate(ctx context.Context) {
	have, _ := members(s.fleet.Hosts())
	want := s.scenario.Ring.Members
	if !s.scenario.OwnRing || have >= want {
		return
	}
	const atLeast, gap = 3200 * time.Millisecond, 100 * time.Millisecond
	steps := int(max(atLeast, 2*s.scenario.Timing.Stabilize) / gap)
	step := max(1, (want-have)/steps)
	s.mu.Lock()
	s.results[0].Planned += want - have
	s.mu.Unlock()
	for have < want {
		n := min(step, want-have)
		if have == 0 {
			n = 1
		}
		if err := s.start(ctx, 0, n); err != nil {
			s.note("starting members: %v", err)
			return
		}
		have += n
		for waiting := true; waiting; {
			if s.world.Sleep(gap) != nil {
				return
			}
			all, joined := members(s.fleet.Hosts())
			waiting = all-joined > max(8, 4*step)
		}
	}
}

// sleepUntil sleeps to a time since the start.
func (s *simulation) sleepUntil(at time.Duration) error {
	wait := s.began.Add(at).Sub(s.world.Now())
	if wait <= 0 {
		return nil
	}
	return s.world.Sleep(wait)
}

func (s *simulation) elapsed() time.Duration { return s.world.Now().Sub(s.began) }

// enter begins a new step: what the load measures from now on counts for it.
func (s *simulation) enter(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.elapsed()
	if n := len(s.results); n > 0 {
		s.results[n-1].To = now
	}
	s.results = append(s.results, PhaseResult{Name: name, From: now})
	s.phase = name
	s.driver.SetPhase(len(s.results) - 1)
	return len(s.results) - 1
}

func (s *simulation) setPhase(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.phase = name
}

// note records that something went otherwise than planned.
func (s *simulation) note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.notes) < maxNotes {
		s.notes = append(s.notes, duration.Text(s.elapsed().Round(100*time.Millisecond))+": "+fmt.Sprintf(format, args...))
	}
}

// chance draws a random number below n. Draws come from several tasks, so in real time their order is not the same in
// two runs; in virtual time it is.
func (s *simulation) chance(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rand.IntN(n)
}

func (s *simulation) exponential(rate float64) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Duration(s.rand.ExpFloat64() / rate * float64(time.Second))
}

// someHosts chooses a share of the hosts, at least one and never all.
func (s *simulation) someHosts(share float64) map[string]bool { return s.choose(share, nil, 1) }

// otherHosts chooses a share of the hosts that are not named, at least one.
func (s *simulation) otherHosts(share float64, than map[string]bool) map[string]bool {
	return s.choose(share, than, 0)
}

func (s *simulation) choose(share float64, except map[string]bool, spared int) map[string]bool {
	var able []string
	for _, h := range s.fleet.Hosts() {
		if !except[h.Address] {
			able = append(able, h.Address)
		}
	}
	n := min(max(1, int(share*float64(len(able))+0.5)), len(able)-spared)
	chosen := make(map[string]bool, max(n, 0))
	for range n {
		i := s.chance(len(able))
		chosen[able[i]] = true
		able = slices.Delete(able, i, i+1)
	}
	return chosen
}

// victims chooses members that are on the ring and not yet told to stop: anywhere, or neighbours on different hosts.
func (s *simulation) victims(n int, adjacent bool) []chord.ID {
	type candidate struct {
		id   chord.ID
		host string
	}
	var able []candidate
	for _, h := range s.fleet.Hosts() {
		for _, m := range h.Members {
			if m.Joined {
				able = append(able, candidate{m.ID, h.Address})
			}
		}
	}
	slices.SortFunc(able, func(a, b candidate) int { return a.id.Compare(b.id) })
	s.mu.Lock()
	defer s.mu.Unlock()
	able = slices.DeleteFunc(able, func(c candidate) bool { return s.stopping[c.id] })
	var chosen []chord.ID
	hit := make(map[string]bool)
	for at := 0; len(chosen) < n && len(able) > 1; {
		if !adjacent || len(chosen) == 0 {
			at = s.rand.IntN(len(able))
		}
		at %= len(able)
		c := able[at]
		able = slices.Delete(able, at, at+1)
		if adjacent && hit[c.host] {
			continue // on a host that is hit already: not a failure of its own
		}
		hit[c.host] = true
		s.stopping[c.id] = true
		chosen = append(chosen, c.id)
	}
	return chosen
}
