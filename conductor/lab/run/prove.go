package run

import (
	"context"
	"time"
)

// A prover is a fleet that is known through its telemetry, whose hosts must prove that they hold the token before
// operations are sent to them.
type prover interface {
	Prove(ctx context.Context)
}

// proveEvery is the time between two searches for hosts that the load can be sent to.
const proveEvery = 2 * time.Second

// proveHosts searches once for hosts that the load can be sent to. It starts a task that repeats the search until the
// simulation is over, since hosts come and return.
func (s *Simulation) proveHosts(ctx context.Context) {
	fleet, ok := s.fleet.(prover)
	if !ok {
		return
	}
	served := map[string]bool{}
	fleet.Prove(ctx)
	noted := s.noteUnproven(served)
	_ = s.runtime.Go(ctx, func(ctx context.Context) { // fails only when the runtime ends
		for s.runtime.Sleep(proveEvery) == nil {
			fleet.Prove(ctx)
			noted = noted || s.noteUnproven(served)
		}
	})
}

// noteUnproven records a note if the load skips hosts that have not proven that they hold the token. It does not count
// hosts that have served in this simulation: they have proven it, and what keeps them from serving now is the
// experiment. It adds the hosts that serve to served.
func (s *Simulation) noteUnproven(served map[string]bool) bool {
	var serving, passed int
	for _, h := range s.fleet.Hosts() {
		switch {
		case h.Serves():
			serving++
			served[h.Address] = true
		case h.Joined() && !served[h.Address]:
			passed++
		}
	}
	if passed > 0 {
		s.note("the load goes to %d of %d hosts: the others are named by telemetry and have not proven that they hold the token", serving, serving+passed)
	}
	return passed > 0
}
