package run

import (
	"context"
	"time"
)

// A prover is a fleet known through its telemetry, whose hosts must prove themselves before they are sent operations.
type prover interface {
	Prove(ctx context.Context)
}

// proveEvery is the time between two searches for hosts that the load can be sent to.
const proveEvery = 2 * time.Second

// proveHosts searches once for hosts that the load can be sent to, and has a task do so again until the simulation is
// over, as hosts come and return.
func (s *Simulation) proveHosts(ctx context.Context) {
	fleet, ok := s.fleet.(prover)
	if !ok {
		return
	}
	fleet.Prove(ctx)
	noted := s.noteUnproven()
	_ = s.runtime.Go(ctx, func(ctx context.Context) { // fails only when the runtime ends
		for s.runtime.Sleep(proveEvery) == nil {
			fleet.Prove(ctx)
			noted = noted || s.noteUnproven()
		}
	})
}

// noteUnproven records, if the load passes over some hosts, that it does.
func (s *Simulation) noteUnproven() bool {
	var serving, passed int
	for _, h := range s.fleet.Hosts() {
		switch {
		case h.Serves():
			serving++
		case h.Joined():
			passed++
		}
	}
	if passed > 0 {
		s.note("the load goes to %d of %d hosts: the others are named by telemetry and have not proven that they hold the token", serving, serving+passed)
	}
	return passed > 0
}
