package controller

import (
	"chordconductor/conductor/lab/deploy"
	"context"
)

// An activeDeployment is a deployment with the faults that are in force on it.
type activeDeployment struct {
	*deploy.Deployment
	faults *faults
}

func newActiveDeployment(g *deploy.Deployment) *activeDeployment {
	return &activeDeployment{g, newFaults(g.Fleet, g.Network, g.Runtime.Now)}
}

// close ends the fleet, then the runtime.
func (s *activeDeployment) close(ctx context.Context) {
	_ = s.Do(ctx, func(ctx context.Context) { s.Fleet.Close(ctx) }) // a runtime that is too slow is ended all the same
	s.End()
}

// renewFaults sends new hosts the faults in force, and sends them again to hosts that have not acknowledged them or
// have them for a lease, until the runtime ends.
func (s *activeDeployment) renewFaults(ctx context.Context) {
	for s.Runtime.Sleep(applyEvery) == nil {
		_ = s.faults.apply(ctx) // tried again
	}
}
