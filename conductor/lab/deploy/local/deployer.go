package local

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"time"

	"chordconductor/conductor/lab/deploy"
	"chordconductor/conductor/lab/runtime"
	"chordconductor/conductor/lab/scenario"
	faultlayer "chordconductor/node/env/faults"
	"chordconductor/node/env/grpcenv"
	"chordconductor/node/member"
	"chordconductor/node/service"
	"chordconductor/otel"
)

// Endpoint is the address to which the members of a ring in this process send their telemetry.
type Endpoint struct {
	URL     string
	Headers map[string]string
	TLS     *tls.Config
	Err     error // why there is none
}

// A Deployer makes local deployments: rings in this process, on the wall clock. Their telemetry is exported to an
// Endpoint, like any other ring's.
type Deployer struct {
	Endpoint func() Endpoint
	Version  string
	Log      *slog.Logger
}

// New makes the deployment of a scenario's ring, without hosts yet.
func (g Deployer) New(ctx context.Context, s *scenario.Scenario) (*deploy.Deployment, error) {
	to := g.Endpoint()
	if to.Err != nil {
		return nil, to.Err
	}
	telemetry, err := otel.Setup(ctx, otel.Config{
		Ring: deploy.RingName, Version: g.Version, Endpoint: to.URL, Headers: to.Headers, TLS: to.TLS, IgnoreEnvironment: true,
		OnError: func(err error) { g.Log.Debug("cannot export telemetry of the members in this process", "error", err) },
	})
	if err != nil {
		return nil, err
	}
	end := func(ctx context.Context) {
		if err := telemetry.Shutdown(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			g.Log.Debug("cannot export the last telemetry of the members in this process", "error", err)
		}
	}
	if s.Ring.Transport == scenario.Memory {
		return newPacedDeployment(s, telemetry, end, g.Log)
	}
	wall := runtime.NewWall()
	fleet := newFleet(s, wall, telemetry, func() (hostSlot, error) { return grpcSlot(telemetry) })
	fleet.log, fleet.flush, fleet.callLimit = g.Log, end, grpcCallLimit
	deployment := deploy.OnWall(fleet, wall)
	deployment.Network = s.Network
	return deployment, nil
}

// grpcCallLimit is long because on loopback a dead host refuses calls immediately. Only an overloaded machine reaches
// the limit, and to treat live members as dead would increase its load.
const grpcCallLimit = 2 * time.Second

// grpcSlot returns a hostSlot at a port on loopback.
func grpcSlot(t *otel.Telemetry) (hostSlot, error) {
	e, err := grpcenv.Listen(grpcenv.Options{
		Listen: "127.0.0.1:0", Tracer: t.Tracers, Meter: t.Meters, Propagator: t.Propagator,
		NameSpan: service.NameSpan,
	})
	if err != nil {
		return hostSlot{}, err
	}
	layer := faultlayer.New(e, e.Address())
	return hostSlot{
		layer:   layer,
		address: e.Address(),
		serve:   func(h *member.Host) { e.Serve(h, h, layer.Serve, nil) },
		close:   e.Close,
		blocks:  true,
	}, nil
}
