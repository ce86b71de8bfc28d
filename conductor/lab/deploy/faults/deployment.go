package faults

import (
	"context"

	"chordconductor/conductor/lab/deploy"
)

// A Deployment is a deploy.Deployment with the faults that are in force on it.
type Deployment struct {
	*deploy.Deployment
	Faults *InForce
}

// On returns a Deployment without faults.
func On(g *deploy.Deployment) *Deployment {
	return &Deployment{g, newInForce(g.Fleet, g.Network, g.Runtime.Now)}
}

// Close ends the fleet, then the runtime.
func (s *Deployment) Close(ctx context.Context) {
	_ = s.Do(ctx, func(ctx context.Context) { s.Fleet.Close(ctx) }) // if this takes too long, the runtime is ended nevertheless
	s.End()
}

// Renew sends the faults in force to new hosts. It sends them again to hosts that have not acknowledged them or that
// keep them for a lease only, until the runtime ends.
func (s *Deployment) Renew(ctx context.Context) {
	for s.Runtime.Sleep(applyEvery) == nil {
		_ = s.Faults.apply(ctx) // tried again
	}
}
