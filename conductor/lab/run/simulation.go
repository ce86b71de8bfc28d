package run

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"chordconductor/conductor/lab/deploy"
	"chordconductor/conductor/lab/deploy/faults"
	"chordconductor/conductor/lab/judge"
	"chordconductor/conductor/lab/judge/groundtruth"
	"chordconductor/conductor/lab/load"
	"chordconductor/conductor/lab/result"
	"chordconductor/conductor/lab/runtime"
	"chordconductor/conductor/lab/scenario"
	"chordconductor/conductor/live"
	"chordconductor/conductor/ring"
	"chordconductor/internal/duration"
	"chordconductor/node/chord"
)

const (
	maxNotes      = 100 // deviations from the plan, in a Result
	maxViolations = 1000
	maxPoints     = 90_000 // of the timeline: a day of seconds; at the bound the first quarter is dropped
	settleLimit   = time.Second

	// underWayLimit is how long the end of the run waits for joins and leaves under way, before they count as not done.
	underWayLimit = time.Minute
)

// Sources are what a simulation measures the ring on.
type Sources struct {
	// View returns the ring as rebuilt from its telemetry; any goroutine may call it. Stats returns how far the view
	// can be trusted (nil: not known).
	View  func() *ring.View
	Stats func() live.Stats
	// Refresh updates the View. It is called within the runtime, and is nil if the view is updated by a loop of its
	// own.
	Refresh func()
	// Watch receives every event that reaches the view. The caller makes it a recorder of the view.
	Watch *judge.Watch
	// Running is called within the runtime when a simulation begins, and when it is over. It may be nil.
	Running func(bool)
}

func (s *Sources) running(is bool) {
	if s.Running != nil {
		s.Running(is)
	}
}

// look returns the present view, within the runtime.
func (s *Sources) look() *ring.View {
	if s.Refresh != nil {
		s.Refresh()
	}
	return s.View()
}

// A Simulation is one scenario on one fleet.
type Simulation struct {
	Scenario   *scenario.Scenario
	Deployment *faults.Deployment
	runtime    *runtime.Scope
	fleet      deploy.Fleet
	from       Sources
	watch      *judge.Watch
	faults     *faults.InForce
	driver     *load.Driver
	truth      func(ctx context.Context) map[chord.ID]groundtruth.State // nil: there is no ground truth, or it should not be asked for
	began      time.Time

	mu         sync.Mutex // guards all below
	rand       *rand.Rand // chooses the victims of a phase
	timeline   []result.Point
	repairs    []result.Repair
	violations map[string]ring.Violation
	results    []result.PhaseResult // one per step begun: before the first phase, then one per phase
	begun      []bool               // by phase of the scenario
	waiting    []repairWait         // phases that are over, while the ring is not ideal again
	accuracy   judge.Accuracy
	notes      []string
	phase      string
	stopping   map[chord.ID]bool // members stopped by command, so that none is hit twice
	stoppedBy  map[chord.ID]int  // members stopped by command that have stopped, with the phase's index in results
	leavers    map[chord.ID]int  // members stopped by command that have accepted a command to leave, with the phase's index in results
	joiners    map[chord.ID]int  // members that were started, with the phase's index in results
	ended      bool
	finished   bool
	failure    string
	final      *result.Result // of a simulation that reached its end; not changed afterwards
	took       time.Duration  // as of the last look; final when ended
}

// New makes a simulation on a deployment. It resets the measurements of the Watch.
func New(s *scenario.Scenario, here *faults.Deployment, from Sources) *Simulation {
	sim := &Simulation{
		Scenario: s, Deployment: here, runtime: runtime.NewScope(here.Runtime), fleet: here.Fleet, faults: here.Faults,
		from: from, watch: from.Watch,
		truth:      groundtruth.Source(here.Fleet, s.Expects(scenario.UnmarkedWrongFields)),
		rand:       rand.New(rand.NewPCG(s.Seed, 0xfa0175)),
		violations: make(map[string]ring.Violation), stopping: make(map[chord.ID]bool), stoppedBy: make(map[chord.ID]int), leavers: make(map[chord.ID]int), joiners: make(map[chord.ID]int),
		begun: make([]bool, len(s.Phases)),
	}
	from.Watch.Reset()
	sim.driver = load.New(load.Config{
		Runtime: sim.runtime, Workload: s.Workload, Seed: s.Seed, Replicas: max(1, here.Fleet.Replicas()),
		Pick:     func(n uint64) (load.Store, bool) { return deploy.Pick(here.Fleet, n) },
		Answered: from.Watch.Answered,
	})
	return sim
}

// Begin sets the clock to zero, and starts the scenario. Like all methods below that use the clock, it must be called
// within the runtime.
func (s *Simulation) Begin(ctx context.Context) error {
	s.began = s.runtime.Now()
	s.from.running(true)
	return s.runtime.Go(ctx, s.run)
}

// End ends the simulation's tasks.
func (s *Simulation) End() { s.runtime.End() }

// Workload returns the present workload.
func (s *Simulation) Workload() scenario.Workload { return s.driver.Workload() }

// SetWorkload changes the workload. It must be called within the runtime.
func (s *Simulation) SetWorkload(w scenario.Workload) { s.driver.SetWorkload(w) }

// repairWait is a phase whose repair is being measured.
type repairWait struct {
	result int // index in results
	since  time.Time
}

// run runs the simulation from the first member to the verdict. It returns when the scenario is over, or early when the
// runtime ends.
func (s *Simulation) run(ctx context.Context) {
	s.enter("start")
	running := s.runtime.NewSignal()
	if s.runtime.Go(ctx, func(ctx context.Context) {
		s.proveHosts(ctx)
		s.driver.Run()
		running.Set()
	}) != nil {
		return
	}
	if s.runtime.Go(ctx, s.monitor) != nil || s.runtime.Go(ctx, s.populate) != nil {
		return
	}
	s.applyNetwork(ctx)
	for i, p := range s.Scenario.Phases {
		if s.runtime.Go(ctx, func(ctx context.Context) { s.perform(ctx, i, p) }) != nil {
			return
		}
	}
	if s.Scenario.Duration == 0 {
		return // until stopped: the tasks go on
	}
	if s.sleepUntil(s.Scenario.Duration) != nil {
		return
	}
	s.setPhase("verdict")
	s.driver.Stop()
	if err := s.faults.Clear(ctx); err != nil {
		s.note("healing at the end: %v", err)
	}
	if running.Wait(0) != nil {
		return
	}
	if err := s.driver.Sweep(ctx); err != nil {
		return
	}
	if s.runtime.Sleep(settleLimit+judge.JudgeAfter) != nil { // the last events arrive, the last answers are judged
		return
	}
	for limit := s.runtime.Now().Add(underWayLimit); len(s.underWay()) > 0 && s.runtime.Now().Before(limit); {
		if s.runtime.Sleep(lookEvery) != nil {
			return
		}
	}
	s.watch.Judge(s.runtime.Now())
	s.conclude()
}

// applyNetwork imposes the scenario's network conditions on a ring that existed before; a ring made for the scenario
// already has them.
func (s *Simulation) applyNetwork(ctx context.Context) {
	if s.Scenario.OwnRing {
		return
	}
	err := s.faults.SetNetwork(ctx, s.Scenario.Network)
	if n := s.Scenario.Network; n.Latency == 0 && n.Jitter == 0 && n.Loss == 0 {
		return
	}
	planned, done := s.faults.Settled()
	s.mu.Lock()
	s.results[0].Planned += planned
	s.results[0].Done += done
	s.mu.Unlock()
	if err != nil {
		s.note("network: %v", err)
	}
}

// underWay lists, by their phases, the members that were started and have not joined, and those that were ordered to
// leave and are still on the ring. A member that has joined and is gone since counts as joined.
func (s *Simulation) underWay() (phases []int) {
	hosts, v := s.fleet.Hosts(), s.from.look()
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
	for _, m := range v.Members { // a fleet may no longer list those that have only begun to leave
		if phase, ok := s.leavers[m.ID]; ok && m.Status == ring.Leaving {
			if _, listed := deploy.HostOf(hosts, m.ID); !listed {
				phases = append(phases, phase)
			}
		}
	}
	return phases
}

// conclude ends the simulation at its end. Joins and leaves still under way count as not done. The ring continues to
// run, so the result is fixed now.
func (s *Simulation) conclude() {
	unfinished := s.underWay()
	s.mu.Lock()
	for _, phase := range unfinished {
		s.results[phase].Done--
	}
	for i, p := range s.Scenario.Phases { // on a machine that is too slow, a phase may not have begun
		if !s.begun[i] {
			now := s.elapsed()
			s.results = append(s.results, result.PhaseResult{Name: p.Name, From: now, To: now, Planned: 1, Partial: p.AllowPartial})
		}
	}
	s.finished = true
	s.phase = "finished"
	s.took = s.elapsed()
	s.mu.Unlock()
	s.from.look()
	final := s.measure()
	s.mu.Lock()
	s.ended, s.final = true, final
	s.mu.Unlock()
	s.runtime.End()
	s.from.running(false)
}

// Abort ends a simulation that has not reached its end, and the faults that it has put into force.
func (s *Simulation) Abort(ctx context.Context) {
	s.driver.Stop()
	s.mu.Lock()
	if !s.ended {
		s.ended, s.took = true, s.elapsed()
		s.phase = "stopped"
		if s.Scenario.Duration > 0 {
			s.failure = "stopped after " + duration.Text(s.took.Round(100*time.Millisecond))
		}
	}
	s.mu.Unlock()
	s.runtime.End()
	if err := s.faults.Clear(ctx); err != nil {
		s.note("healing at the end: %v", err)
	}
	s.from.running(false)
}

// Over reports whether the simulation has reached its end.
func (s *Simulation) Over() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// populate starts the ring's members: the first founds the ring. The others follow over a few seconds, so that a user
// can watch, and over at least two stabilize intervals, so that the ring can integrate them. On a machine that is too
// slow for that, each member waits until the members before it have joined.
func (s *Simulation) populate(ctx context.Context) {
	have, _ := deploy.CountMembers(s.fleet.Hosts())
	want := s.Scenario.Ring.Members
	if !s.Scenario.OwnRing || have >= want {
		return
	}
	const atLeast, gap = 3200 * time.Millisecond, 100 * time.Millisecond
	steps := int(max(atLeast, 2*s.Scenario.Timing.Stabilize) / gap)
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
			if s.runtime.Sleep(gap) != nil {
				return
			}
			all, joined := deploy.CountMembers(s.fleet.Hosts())
			waiting = all-joined > max(8, 4*step)
		}
	}
}

// sleepUntil sleeps until a time since the start of the simulation.
func (s *Simulation) sleepUntil(at time.Duration) error {
	wait := s.began.Add(at).Sub(s.runtime.Now())
	if wait <= 0 {
		return nil
	}
	return s.runtime.Sleep(wait)
}

func (s *Simulation) elapsed() time.Duration { return s.runtime.Now().Sub(s.began) }

// enter begins a new step: the load counts further measurements under it.
func (s *Simulation) enter(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.elapsed()
	if n := len(s.results); n > 0 {
		s.results[n-1].To = now
	}
	s.results = append(s.results, result.PhaseResult{Name: name, From: now})
	s.phase = name
	s.driver.SetPhase(len(s.results) - 1)
	return len(s.results) - 1
}

func (s *Simulation) setPhase(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.phase = name
}

// note records a deviation from the plan.
func (s *Simulation) note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.notes) < maxNotes {
		s.notes = append(s.notes, duration.Text(s.elapsed().Round(100*time.Millisecond))+": "+fmt.Sprintf(format, args...))
	}
}
