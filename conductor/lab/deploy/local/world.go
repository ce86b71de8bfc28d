package local

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"chordconductor/conductor/lab/deploy"
	"chordconductor/conductor/lab/scenario"
	faultlayer "chordconductor/node/env/faults"
	"chordconductor/node/member"
	"chordconductor/node/simenv"
	"chordconductor/otel"
)

// controllerAddress is the host of a simulated world on which the controller's own tasks run. It has no members.
const controllerAddress = "lab"

// InWorld makes the fleet of a ring in a simulated world, and the controller's host.
func InWorld(s *scenario.Scenario, w *simenv.World, t *otel.Telemetry) (*Fleet, *simenv.Host, error) {
	host, err := w.Host(controllerAddress)
	if err != nil {
		return nil, nil, err
	}
	hosts := 0
	return newFleet(s, host, t, func() (hostSlot, error) {
		hosts++
		return simulatedSlot(w, fmt.Sprintf("host-%d:7000", hosts))
	}), host, nil
}

// simulatedSlot is an address of a simulated world.
func simulatedSlot(w *simenv.World, address string) (hostSlot, error) {
	e, err := w.Host(address)
	if err != nil {
		return hostSlot{}, err
	}
	layer := faultlayer.New(e, address)
	return hostSlot{
		layer:   layer,
		address: address,
		serve:   func(h *member.Host) { e.Serve(layer.ServeRing(h), layer.ServeKeys(h)) },
		close:   e.Crash,
	}, nil
}

// World is the simulated world with a scenario's network. A zero start is the world's own.
func World(s *scenario.Scenario, start time.Time) *simenv.World {
	n := s.Network
	cfg := simenv.Config{Seed: s.Seed, Start: start, Loss: n.Loss}
	switch {
	case n.Spread == scenario.Exponential:
		cfg.Delay = simenv.Exponential(n.Latency)
	case n.Jitter > 0:
		cfg.Delay = simenv.Uniform(n.Latency, n.Latency+n.Jitter)
	case n.Latency > 0:
		cfg.Delay = simenv.Fixed(n.Latency)
	}
	return simenv.New(cfg)
}

// newPacedDeployment makes a simulated world that follows the wall clock. Its members' telemetry is exported as usual.
// The world starts now, so that its times and the wall clock's are the same.
func newPacedDeployment(s *scenario.Scenario, t *otel.Telemetry, flush func(context.Context), log *slog.Logger) (*deploy.Deployment, error) {
	world := World(s, time.Now())
	fleet, host, err := InWorld(s, world, t)
	if err != nil {
		return nil, err
	}
	fleet.log, fleet.flush = log, flush
	ctx, cancel := context.WithCancel(context.Background())
	paced := make(chan struct{})
	go func() {
		defer close(paced)
		world.Pace(ctx)
	}()
	return &deploy.Deployment{
		Fleet:   fleet,
		Runtime: host,
		Do:      func(ctx context.Context, task func(context.Context)) error { return world.Do(ctx, host, task) },
		End: func() {
			cancel()
			<-paced
			world.Close()
		},
	}, nil
}
