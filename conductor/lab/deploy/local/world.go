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

// controllerAddress is the address of the host of a simulated world on which the controller's own tasks run. It has no
// members.
const controllerAddress = "lab"

// A World is a simulated world in which rings are made, one after the other.
type World struct {
	*simenv.World
	rings, hosts int // so far
}

// OpenWorld makes a world without a ring, with the seed and the network of a scenario. If start is zero, the world
// begins at its default time.
func OpenWorld(s *scenario.Scenario, start time.Time) *World {
	cfg := conditions(s)
	cfg.Start = start
	return &World{World: simenv.New(cfg)}
}

// Ring makes the fleet of a scenario's ring, and the host of the controller's tasks that deal with it. It must be
// called within the world, and sets the world's seed and network to those of the scenario.
func (w *World) Ring(s *scenario.Scenario, t *otel.Telemetry) (*Fleet, *simenv.Host, error) {
	address := controllerAddress
	if w.rings++; w.rings > 1 {
		address = fmt.Sprintf("%s-%d", controllerAddress, w.rings)
		w.Renew(conditions(s))
	}
	host, err := w.Host(address)
	if err != nil {
		return nil, nil, err
	}
	return newFleet(s, host, t, func() (hostSlot, error) {
		w.hosts++
		return simulatedSlot(w.World, fmt.Sprintf("host-%d:7000", w.hosts))
	}), host, nil
}

// simulatedSlot returns a hostSlot at an address of a simulated world.
func simulatedSlot(w *simenv.World, address string) (hostSlot, error) {
	e, err := w.Host(address)
	if err != nil {
		return hostSlot{}, err
	}
	layer := faultlayer.New(e, address)
	return hostSlot{
		layer:   layer,
		address: address,
		serve:   func(h *member.Host) { e.Serve(h, h, layer.Serve) },
		close:   e.Crash,
	}, nil
}

// conditions returns a scenario's seed and network conditions.
func conditions(s *scenario.Scenario) simenv.Config {
	n := s.Network
	cfg := simenv.Config{Seed: s.Seed, Loss: n.Loss}
	switch {
	case n.Spread == scenario.Exponential:
		cfg.Delay = simenv.Exponential(n.Latency)
	case n.Jitter > 0:
		cfg.Delay = simenv.Uniform(n.Latency, n.Latency+n.Jitter)
	case n.Latency > 0:
		cfg.Delay = simenv.Fixed(n.Latency)
	}
	return cfg
}

// newPacedDeployment makes a simulated world that follows the wall clock. Its members' telemetry is exported as usual.
// The world's time begins at the present time, so that its clock and the wall clock agree.
func newPacedDeployment(s *scenario.Scenario, t *otel.Telemetry, flush func(context.Context), log *slog.Logger) (*deploy.Deployment, error) {
	world := OpenWorld(s, time.Now())
	fleet, host, err := world.Ring(s, t)
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
