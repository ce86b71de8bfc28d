package ingest

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"go.opentelemetry.io/collector/component"

	"chordconductor/conductor/lookups"
	"chordconductor/otel/chordevent"
)

// A Sink receives decoded telemetry; *live.Live is one. Its methods must not block.
type Sink interface {
	// Offer accepts events that arrived together, or fails with live.ErrFull or live.ErrClosed and accepts none.
	Offer(events []chordevent.Event, arrived time.Time) error
	OfferSpans(spans []lookups.Span, points []lookups.Point)
	Reject(reason chordevent.Reason)
	Ignore(attributes int)
}

// Server is a running receiver with its forwarding.
type Server struct {
	gate               *gate
	pipeline           *pipeline
	troubles           *troubles
	grpcAddr, httpAddr string
	parts              []component.Component // in the order started
	ports              []*port
}

// Start serves until Shutdown, at ports that it binds if the configuration has none. Errors name what to change.
func Start(ctx context.Context, cfg Config, sink Sink) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if cfg.Ports == nil {
		if cfg.Ports, err = bind(ctx, cfg); err != nil {
			return nil, err
		}
	}
	gate := newGate(cfg)
	s := &Server{gate: gate, troubles: newTroubles(cfg.Logger), pipeline: &pipeline{sink: sink, gate: gate, broken: newRejections(cfg.Logger), logs: cfg.Logs, seen: cfg.Spans, measured: cfg.Metrics}}
	if err := s.start(ctx, cfg); err != nil {
		return nil, errors.Join(err, s.Shutdown(ctx), cfg.Ports.Close())
	}
	return s, nil
}

// start starts the parts from the far end: nothing is received before it can be passed on.
func (s *Server) start(ctx context.Context, cfg Config) (err error) {
	host := &host{log: cfg.Logger, extensions: map[component.ID]component.Component{}}
	if cfg.QueueDir != "" {
		storage, err := newStorage(ctx, cfg)
		if err == nil {
			err = s.run(ctx, storage, host)
		}
		if err != nil {
			return fmt.Errorf("--data-dir: cannot open the forwarding queue in %s: %w", cfg.QueueDir, err)
		}
		host.extensions[storageID] = storage
	}
	for _, d := range cfg.destinations {
		f, err := newForwarder(ctx, cfg, d)
		if err == nil {
			host.extensions[clientID(d.signal)] = &client{destination: d}
			err = s.run(ctx, f, host)
		}
		if err != nil {
			return fmt.Errorf("cannot begin to forward %s to %s: %w", d.signal, d.url, err)
		}
		switch d.signal {
		case "traces":
			s.pipeline.traces = f
		case "metrics":
			s.pipeline.metrics = f
		default:
			s.pipeline.logsOn = f
		}
	}
	if cfg.Meter != nil {
		if err := s.instrument(cfg.Meter); err != nil {
			return fmt.Errorf("cannot create the metrics of the receiver: %w", err)
		}
	}
	s.grpcAddr, s.httpAddr = address(cfg.Ports.grpc), address(cfg.Ports.http)
	if l := cfg.Ports.grpc; l != nil {
		s.serve(cfg, "OTLP/gRPC", l, &port{grpc: true, other: elsewhere(s.httpAddr)})
	}
	if l := cfg.Ports.http; l != nil {
		s.serve(cfg, "OTLP/HTTP", l, &port{other: elsewhere(s.grpcAddr)})
	}
	return nil
}

// run starts a part and registers it for shutdown.
func (s *Server) run(ctx context.Context, c component.Component, host component.Host) error {
	if err := c.Start(ctx, host); err != nil {
		return err
	}
	s.parts = append(s.parts, c)
	return nil
}

// GRPCAddr and HTTPAddr are the addresses listened on; empty if off.
func (s *Server) GRPCAddr() string { return s.grpcAddr }
func (s *Server) HTTPAddr() string { return s.httpAddr }

// Shutdown stops listening, lets requests in progress finish, and flushes the forwarding queues. When ctx ends before
// that is done, requests are aborted, queues in memory are lost, and it returns an error.
func (s *Server) Shutdown(ctx context.Context) error {
	var errs []error
	for _, p := range s.ports { // no request passes anything on after this
		if err := p.shutdown(ctx); err != nil {
			errs = append(errs, err)
		}
	}
	done := make(chan error, 1)
	go func() {
		for i := len(s.parts) - 1; i >= 0; i-- {
			errs = append(errs, s.parts[i].Shutdown(ctx))
		}
		done <- errors.Join(errs...)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return err
	case <-time.After(abortGrace):
		return fmt.Errorf("receiver stopped before its forwarding queues were empty; the records left in them are lost unless the queues are on disk: %w", ctx.Err())
	}
}

// elsewhere describes, for the text of an error, the address at which the other protocol is served. An unspecified
// address (all interfaces) cannot be sent to, so then only the port is named.
func elsewhere(address string) string {
	if address == "" {
		return "another receiver, as that protocol is off here"
	}
	if a, err := netip.ParseAddrPort(address); err == nil && a.Addr().IsUnspecified() {
		return fmt.Sprintf("port %d of this machine", a.Port())
	}
	return address
}
