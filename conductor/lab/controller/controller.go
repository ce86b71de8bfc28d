package controller

import (
	"context"
	"fmt"
	"sync"
	"time"

	"chordconductor/conductor/lab/deploy"
	"chordconductor/conductor/lab/deploy/faults"
	"chordconductor/conductor/lab/result"
	"chordconductor/conductor/lab/run"
	"chordconductor/conductor/lab/runtime"
	"chordconductor/conductor/lab/scenario"
)

// Config is what a Controller needs.
type Config struct {
	run.Sources
	// Deploy makes the ring of a scenario that has a ring section; nil: no ring can be made here.
	Deploy func(ctx context.Context, s *scenario.Scenario) (*deploy.Deployment, error)
	// Remote is the ring that runs elsewhere, for scenarios without a ring section; nil: there is none.
	Remote deploy.Fleet
}

// Controller owns the present ring, and the simulation that runs on it. Its methods may be called from any goroutine.
type Controller struct {
	cfg    Config
	remote *faults.Deployment // nil: there is none

	lifetime context.Context // ends when Close begins; a change of rings that is under way then ends too
	end      context.CancelFunc

	change sync.Mutex // held while rings and simulations are exchanged; never by readers

	mu      sync.Mutex
	own     *faults.Deployment // guarded by mu; nil: this process runs no ring
	current *run.Simulation    // guarded by mu; the simulation that runs, or ran last; nil: none yet
	closed  bool               // guarded by mu
}

// New returns a Controller that has made no ring yet.
func New(cfg Config) *Controller {
	l := &Controller{cfg: cfg}
	l.lifetime, l.end = context.WithCancel(context.Background())
	if cfg.Remote != nil {
		l.remote = faults.On(deploy.OnWall(cfg.Remote, runtime.NewWall()))
		_ = l.remote.Runtime.Go(context.Background(), l.remote.Renew) // fails only in a runtime that has ended
	}
	return l
}

// StartSimulation begins a scenario. If the running scenario has an end, it must have reached the end, or be stopped,
// before another one can begin; a scenario without an end is replaced. For a scenario with a ring section a new ring is
// made, and the ring before is retired; without that section, the scenario runs on the present ring.
func (l *Controller) StartSimulation(s *scenario.Scenario) error {
	l.change.Lock()
	defer l.change.Unlock()
	if sim := l.simulation(); sim != nil && sim.Scenario.Duration > 0 && !sim.Over() {
		return deploy.Refuse(deploy.ErrConflict, "the simulation %q is running; stop it first", sim.Scenario.Name)
	}
	if !s.OwnRing && l.here() == nil {
		return deploy.Refuse(deploy.ErrConflict, "there is no ring to run on: add a ring section to the scenario, or start nodes")
	}
	if s.OwnRing && l.cfg.Deploy == nil {
		return deploy.Refuse(deploy.ErrConflict, "no ring can be started here: leave the ring section out to run on the nodes that are there")
	}
	ctx, cancel := context.WithTimeout(l.lifetime, changeLimit)
	defer cancel()
	var deployment *deploy.Deployment
	if s.OwnRing { // before anything ends: if the ring cannot be started, the present one stays
		var err error
		if deployment, err = l.cfg.Deploy(ctx, s); err != nil {
			return fmt.Errorf("cannot start a ring: %w", err)
		}
	}
	l.stopCurrent(ctx)
	if deployment != nil {
		if err := l.renew(ctx, deployment); err != nil {
			return err
		}
	}
	return l.begin(ctx, s)
}

// changeLimit bounds the time for replacing one ring by another.
const changeLimit = 30 * time.Second

// renew retires the present ring, and activates the deployment of a new one.
func (l *Controller) renew(ctx context.Context, d *deploy.Deployment) error {
	l.retire(ctx)
	here := faults.On(d)
	l.mu.Lock()
	closed := l.closed
	if !closed {
		l.own = here
	}
	l.mu.Unlock()
	if closed {
		here.Close(ctx)
		return deploy.Refuse(deploy.ErrConflict, "the conductor is stopping")
	}
	return here.Do(ctx, func(ctx context.Context) { _ = here.Runtime.Go(context.WithoutCancel(ctx), here.Renew) })
}

// begin starts the scenario's tasks.
func (l *Controller) begin(ctx context.Context, s *scenario.Scenario) error {
	here := l.here()
	sim := run.New(s, here, l.cfg.Sources)
	l.mu.Lock()
	before := l.current
	l.current = sim
	l.mu.Unlock()
	var started error
	err := here.Do(ctx, func(context.Context) {
		started = sim.Begin(context.WithoutCancel(ctx))
	})
	if err == nil {
		err = started
	}
	if err != nil {
		sim.End() // in case the runtime still runs the task later
		l.mu.Lock()
		l.current = before
		l.mu.Unlock()
	}
	return err
}

// StopSimulation ends the running simulation early. Its ring stays.
func (l *Controller) StopSimulation(ctx context.Context) error {
	l.change.Lock()
	defer l.change.Unlock()
	sim := l.simulation()
	if sim == nil || sim.Over() {
		return deploy.Refuse(deploy.ErrConflict, "no simulation is running")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(l.lifetime, cancel)()
	l.stopCurrent(ctx)
	if !sim.Over() {
		return deploy.Refuse(deploy.ErrUnavailable, "the ring did not answer, or is being stopped: the simulation may continue")
	}
	return nil
}

// stopCurrent ends the current simulation, if it runs, and the faults that it left.
func (l *Controller) stopCurrent(ctx context.Context) {
	sim := l.simulation()
	if sim == nil || sim.Over() {
		return
	}
	_ = sim.Deployment.Do(ctx, sim.Abort) // a runtime that has ended has nothing to stop
}

// retire ends the ring that this process runs.
func (l *Controller) retire(ctx context.Context) {
	l.mu.Lock()
	own := l.own
	l.own = nil
	l.mu.Unlock()
	if own != nil {
		own.Close(ctx)
	}
}

// Close ends the simulation and the ring. Nothing is started afterwards.
func (l *Controller) Close(ctx context.Context) {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.end() // a change under way then ends, and releases the lock
	l.change.Lock()
	defer l.change.Unlock()
	l.stopCurrent(ctx)
	l.retire(ctx)
	if l.remote != nil {
		l.remote.Close(ctx)
	}
}

func (l *Controller) simulation() *run.Simulation {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.current
}

// here returns the ring that commands act on: this process's own if there is one, else the remote one, else nil.
func (l *Controller) here() *faults.Deployment {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.own != nil {
		return l.own
	}
	return l.remote
}

// Simulation returns the state of the running simulation, or of the last one.
func (l *Controller) Simulation() result.State {
	st := result.State{Phases: []result.PlannedStep{}}
	if here := l.here(); here != nil {
		st.Control, st.Cut = true, here.Faults.Partitioned()
	}
	if sim := l.simulation(); sim != nil {
		sim.Report(&st)
	}
	return st
}

// Result returns what the current simulation has measured so far, or what the last one measured. It returns nil if
// there was none.
func (l *Controller) Result() *result.Result {
	if sim := l.simulation(); sim != nil {
		return sim.Result()
	}
	return nil
}

// Workload returns the present workload.
func (l *Controller) Workload() scenario.Workload {
	if sim := l.simulation(); sim != nil {
		return sim.Workload()
	}
	return scenario.Workload{}
}

// SetWorkload changes the workload of the running simulation.
func (l *Controller) SetWorkload(w scenario.Workload) error {
	sim := l.simulation()
	if sim == nil || sim.Over() {
		return deploy.Refuse(deploy.ErrConflict, "no simulation is running, so there is no workload to change")
	}
	if err := w.Check(); err != nil {
		return deploy.Refuse(deploy.ErrInvalid, "%s", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), commandLimit)
	defer cancel()
	return sim.Deployment.Do(ctx, func(context.Context) { sim.SetWorkload(w) })
}
