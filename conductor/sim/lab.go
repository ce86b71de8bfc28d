package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"chordconductor/conductor/live"
	"chordconductor/conductor/ring"
	"chordconductor/conductor/sim/load"
	"chordconductor/conductor/sim/scenario"
	"chordconductor/node/chord"
)

// Config is what a Lab needs.
type Config struct {
	// View is the ring as its telemetry tells it; Stats is how far that can be trusted (nil: not told).
	View  func() *ring.View
	Stats func() live.Stats
	// Watch hears every event that reaches the view. The caller makes it a recorder of the view.
	Watch *Watch
	// Ground makes the ring of a scenario that wants one of its own.
	Ground func(ctx context.Context, s *scenario.Scenario) (*Ground, error)
	// Remote is the ring that runs elsewhere, for scenarios without one of their own; nil: there is none.
	Remote Fleet
}

// A Ground is where a ring lives: its hosts, and the world in which the tasks that deal with them run.
type Ground struct {
	Fleet Fleet
	World World
	// End ends the world's tasks, and returns when they have ended. The fleet is closed before.
	End func()
}

// Lab owns the ring that is there, and the simulation that runs on it. Its methods may be called from any goroutine.
type Lab struct {
	cfg Config

	change sync.Mutex // held while rings and simulations are exchanged; never by readers

	mu      sync.Mutex
	ground  *Ground     // guarded by mu; nil: no ring of ours
	current *simulation // guarded by mu; the running one, or the last; nil: none yet
	faults  *faults     // guarded by mu; of the ground, or of the remote hosts
	closed  bool        // guarded by mu
}

// New returns a Lab without a ring of its own.
func New(cfg Config) *Lab {
	l := &Lab{cfg: cfg}
	if cfg.Remote != nil {
		l.faults = newFaults(cfg.Remote, scenario.Network{})
	}
	return l
}

// StartSimulation begins a scenario. One that has an end must have come to it, or be stopped, before the next; one
// without is a backdrop, which the next one replaces. A scenario with a ring section gets a ring of its own, and the one
// before is retired; without, it runs on the ring that is there.
func (l *Lab) StartSimulation(s *scenario.Scenario) error {
	l.change.Lock()
	defer l.change.Unlock()
	if sim := l.simulation(); sim != nil && sim.scenario.Duration > 0 && !sim.over() {
		return refuse(ErrConflict, "the simulation %q is running; stop it first", sim.scenario.Name)
	}
	ctx := context.Background()
	here, _ := l.here()
	if !s.OwnRing && here == nil {
		return refuse(ErrConflict, "there is no ring to run on: give the scenario a ring section, or start nodes")
	}
	l.stopCurrent()
	if s.OwnRing || l.owned() == nil && l.cfg.Remote == nil {
		if err := l.renew(ctx, s); err != nil {
			return err
		}
	}
	return l.begin(ctx, s)
}

// renew retires the ring that is there, and lays the ground for a new one.
func (l *Lab) renew(ctx context.Context, s *scenario.Scenario) error {
	if l.cfg.Ground == nil {
		return refuse(ErrConflict, "no ring can be started here: leave the ring section out to run on the nodes that are there")
	}
	l.retire(ctx)
	g, err := l.cfg.Ground(ctx, s)
	if err != nil {
		return fmt.Errorf("starting a ring: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		g.Fleet.Close(ctx)
		g.End()
		return refuse(ErrConflict, "the conductor is stopping")
	}
	l.ground, l.faults = g, newFaults(g.Fleet, s.Network)
	return nil
}

// begin starts the scenario's tasks.
func (l *Lab) begin(ctx context.Context, s *scenario.Scenario) error {
	fleet, faults := l.here()
	world := World(newRealWorld())
	if g := l.owned(); g != nil {
		world = g.World
	}
	watch := l.cfg.Watch
	sim := &simulation{
		scenario: s, world: world, fleet: fleet, faults: faults, view: l.cfg.View, stats: l.cfg.Stats, watch: watch,
		began: world.Now(), rand: rand.New(rand.NewPCG(s.Seed, 0xfa0175)),
		violations: make(map[string]ring.Violation), stopping: make(map[chord.ID]bool),
	}
	watch.reset()
	sim.driver = load.New(load.Config{
		World: world, Workload: s.Workload, Seed: s.Seed, Replicas: max(1, fleet.Replicas()),
		Pick:     func(n uint64) (load.Store, bool) { return pick(fleet, n) },
		Answered: watch.Answered,
	})
	l.mu.Lock()
	l.current = sim
	l.mu.Unlock()
	return world.Go(ctx, sim.run)
}

// StopSimulation ends the running simulation early. Its ring stays.
func (l *Lab) StopSimulation(ctx context.Context) error {
	l.change.Lock()
	defer l.change.Unlock()
	sim := l.simulation()
	if sim == nil || sim.over() {
		return refuse(ErrConflict, "no simulation is running")
	}
	l.stopCurrent()
	_, faults := l.here()
	return faults.heal(ctx)
}

// stopCurrent has the tasks of the current simulation, if it runs, come to nothing.
func (l *Lab) stopCurrent() {
	if sim := l.simulation(); sim != nil {
		sim.abort()
	}
}

// retire ends the ring that is there.
func (l *Lab) retire(ctx context.Context) {
	l.mu.Lock()
	g := l.ground
	l.ground = nil
	l.mu.Unlock()
	if g == nil {
		return
	}
	g.Fleet.Close(ctx)
	g.End()
}

// Close ends the simulation and the ring. Nothing is started afterwards.
func (l *Lab) Close(ctx context.Context) {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.change.Lock()
	defer l.change.Unlock()
	l.stopCurrent()
	l.retire(ctx)
	if l.cfg.Remote != nil {
		l.cfg.Remote.Close(ctx)
	}
}

func (l *Lab) simulation() *simulation {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.current
}

func (l *Lab) owned() *Ground {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ground
}

// here is the ring that commands are about: ours if there is one, else the remote one, else nil.
func (l *Lab) here() (Fleet, *faults) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ground != nil {
		return l.ground.Fleet, l.faults
	}
	return l.cfg.Remote, l.faults
}

// Simulation is the running simulation as it stands, or the last.
func (l *Lab) Simulation() State {
	fleet, faults := l.here()
	st := State{Phases: []PlannedStep{}, Control: fleet != nil}
	if faults != nil {
		st.Cut = faults.cut()
	}
	if sim := l.simulation(); sim != nil {
		sim.tell(&st)
	}
	return st
}

// Result is what the current simulation has measured so far, or the last one measured; nil: there was none.
func (l *Lab) Result() *Result {
	if sim := l.simulation(); sim != nil {
		return sim.result()
	}
	return nil
}

// Workload is the load now.
func (l *Lab) Workload() scenario.Workload {
	if sim := l.simulation(); sim != nil {
		return sim.driver.Workload()
	}
	return scenario.Workload{}
}

// SetWorkload changes the load of the running simulation.
func (l *Lab) SetWorkload(w scenario.Workload) error {
	sim := l.simulation()
	if sim == nil || sim.over() {
		return refuse(ErrConflict, "no simulation is running, so there is no load to change")
	}
	if err := w.Check(); err != nil {
		return refuse(ErrInvalid, "%s", err)
	}
	sim.driver.SetWorkload(w)
	return nil
}

// tell fills in what a simulation has to say about itself.
func (s *simulation) tell(st *State) {
	load := s.driver.Workload()
	verdict := s.driver.Verdict()
	s.mu.Lock()
	defer s.mu.Unlock()
	st.Running = !s.ended
	st.Scenario, st.Phase, st.Error = s.scenario.Name, s.phase, s.failure
	st.DurationS = seconds(s.scenario.Duration)
	st.ElapsedS = seconds(s.elapsed())
	if s.ended {
		st.ElapsedS = seconds(s.took)
	}
	st.Rate, st.Reads, st.Lost = load.Rate, load.Reads, verdict.Lost
	st.Report = len(s.timeline) > 0
	for _, p := range s.scenario.Phases {
		st.Phases = append(st.Phases, PlannedStep{p.Name, seconds(p.At), seconds(p.For)})
	}
}

// abort ends a simulation that has not come to its end.
func (s *simulation) abort() {
	s.driver.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	s.ended, s.took = true, s.elapsed()
	s.phase = "stopped"
	if s.scenario.Duration > 0 {
		s.failure = fmt.Sprintf("stopped after %v", s.took.Round(100*time.Millisecond))
	}
}
