package sim

import (
	"context"
	"fmt"
	"sync"
	"time"

	"chordconductor/conductor/live"
	"chordconductor/conductor/ring"
	"chordconductor/conductor/sim/scenario"
)

// Config is what a Lab needs.
type Config struct {
	// View is the ring as its telemetry tells it; Stats is how far that can be trusted (nil: not told).
	View  func() *ring.View
	Stats func() live.Stats
	// Watch hears every event that reaches the view. The caller makes it a recorder of the view.
	Watch *Watch
	// Ground makes the ring of a scenario that wants one of its own; nil: none can be made here.
	Ground func(ctx context.Context, s *scenario.Scenario) (*Ground, error)
	// Remote is the ring that runs elsewhere, for scenarios without one of their own; nil: there is none.
	Remote Fleet
}

// Lab owns the ring that is there, and the simulation that runs on it. Its methods may be called from any goroutine.
type Lab struct {
	cfg    Config
	remote *site // nil: there is none

	life context.Context // ends when Close begins, and with it what is being exchanged
	end  context.CancelFunc

	change sync.Mutex // held while rings and simulations are exchanged; never by readers

	mu      sync.Mutex
	own     *site       // guarded by mu; nil: no ring of ours
	current *simulation // guarded by mu; the running one, or the last; nil: none yet
	closed  bool        // guarded by mu
}

// A site is a ground with the faults that are in force on it.
type site struct {
	*Ground
	faults *faults
}

func newSite(g *Ground) *site { return &site{g, newFaults(g.Fleet, g.Network, g.World.Now)} }

// close ends the fleet, then the world.
func (s *site) close(ctx context.Context) {
	_ = s.Do(ctx, func(ctx context.Context) { s.Fleet.Close(ctx) }) // a world that is too slow is ended all the same
	s.End()
}

// New returns a Lab without a ring of its own.
func New(cfg Config) *Lab {
	l := &Lab{cfg: cfg}
	l.life, l.end = context.WithCancel(context.Background())
	if cfg.Remote != nil {
		l.remote = newSite(newRealGround(cfg.Remote, newRealWorld()))
		_ = l.remote.World.Go(context.Background(), l.remote.tend) // fails only in a world that has ended
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
	if !s.OwnRing && l.here() == nil {
		return refuse(ErrConflict, "there is no ring to run on: give the scenario a ring section, or start nodes")
	}
	if s.OwnRing && l.cfg.Ground == nil {
		return refuse(ErrConflict, "no ring can be started here: leave the ring section out to run on the nodes that are there")
	}
	ctx, cancel := context.WithTimeout(l.life, changeLimit)
	defer cancel()
	var ground *Ground
	if s.OwnRing { // before anything ends: a ring that cannot be started takes no other's place
		var err error
		if ground, err = l.cfg.Ground(ctx, s); err != nil {
			return fmt.Errorf("starting a ring: %w", err)
		}
	}
	l.stopCurrent(ctx)
	if ground != nil {
		if err := l.renew(ctx, ground); err != nil {
			return err
		}
	}
	return l.begin(ctx, s)
}

// changeLimit bounds the exchange of one ring for another.
const changeLimit = 30 * time.Second

// renew retires the ring that is there, and puts a new one in its place.
func (l *Lab) renew(ctx context.Context, g *Ground) error {
	l.retire(ctx)
	here := newSite(g)
	l.mu.Lock()
	closed := l.closed
	if !closed {
		l.own = here
	}
	l.mu.Unlock()
	if closed {
		here.close(ctx)
		return refuse(ErrConflict, "the conductor is stopping")
	}
	return here.Do(ctx, func(ctx context.Context) { _ = here.World.Go(context.WithoutCancel(ctx), here.tend) })
}

// begin starts the scenario's tasks.
func (l *Lab) begin(ctx context.Context, s *scenario.Scenario) error {
	here := l.here()
	sim := newSimulation(s, here, l.cfg)
	l.mu.Lock()
	before := l.current
	l.current = sim
	l.mu.Unlock()
	var started error
	err := here.Do(ctx, func(context.Context) {
		sim.begin()
		started = sim.world.Go(context.WithoutCancel(ctx), sim.run)
	})
	if err == nil {
		err = started
	}
	if err != nil {
		sim.world.end() // should its turn in the world come after all
		l.mu.Lock()
		l.current = before
		l.mu.Unlock()
	}
	return err
}

// StopSimulation ends the running simulation early. Its ring stays.
func (l *Lab) StopSimulation(ctx context.Context) error {
	l.change.Lock()
	defer l.change.Unlock()
	sim := l.simulation()
	if sim == nil || sim.over() {
		return refuse(ErrConflict, "no simulation is running")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(l.life, cancel)()
	l.stopCurrent(ctx)
	if !sim.over() {
		return refuse(ErrUnavailable, "the ring gave no answer, or is being stopped: the simulation may go on")
	}
	return nil
}

// stopCurrent ends the current simulation, if it runs, and the faults that it left.
func (l *Lab) stopCurrent(ctx context.Context) {
	sim := l.simulation()
	if sim == nil || sim.over() {
		return
	}
	_ = sim.site.Do(ctx, func(ctx context.Context) { // a world that has ended has nothing to stop
		sim.abort()
		if err := sim.site.faults.settle(ctx); err != nil {
			sim.note("healing at the end: %v", err)
		}
	})
}

// retire ends the ring that is there.
func (l *Lab) retire(ctx context.Context) {
	l.mu.Lock()
	own := l.own
	l.own = nil
	l.mu.Unlock()
	if own != nil {
		own.close(ctx)
	}
}

// Close ends the simulation and the ring. Nothing is started afterwards.
func (l *Lab) Close(ctx context.Context) {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.end() // whoever holds the lock lets go of it
	l.change.Lock()
	defer l.change.Unlock()
	l.stopCurrent(ctx)
	l.retire(ctx)
	if l.remote != nil {
		l.remote.close(ctx)
	}
}

func (l *Lab) simulation() *simulation {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.current
}

// here is the ring that commands are about: ours if there is one, else the remote one, else nil.
func (l *Lab) here() *site {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.own != nil {
		return l.own
	}
	return l.remote
}

// Simulation is the running simulation as it stands, or the last.
func (l *Lab) Simulation() State {
	st := State{Phases: []PlannedStep{}}
	if here := l.here(); here != nil {
		st.Control, st.Cut = true, here.faults.cut()
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
	ctx, cancel := context.WithTimeout(context.Background(), commandLimit)
	defer cancel()
	return sim.site.Do(ctx, func(context.Context) { sim.driver.SetWorkload(w) })
}
