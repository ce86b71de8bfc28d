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

// A Sink receives decoded telemetry; *live.Live implements it. Its methods must not block.
type Sink interface {
	// Offer accepts events that arrived together, or fails with live.ErrFull or live.ErrClosed and accepts none.
	Offer(events []chordevent.Event, arrived time.Time) error
	OfferSpans(spans []lookups.Span, points []lookups.Point)
	Reject(reason chordevent.Reason)
	Ignore(attributes int)
}

// Server is a receiver with its forwarding.
type Server struct {
	grace              time.Duration
	gate               *gate
	pipeline           *pipeline
	troubles           *troubles
	grpcAddr, httpAddr string
	parts              []component.Component // in the order started
	ports              []*port
}

// Open makes a Server and opens its forwarding targets. It binds the ports if the configuration has none. The Server
// receives nothing before Run, which must be called: Run closes what Open has opened. Errors name the flag to change.
func Open(ctx context.Context, cfg Config, sink Sink) (*Server, error) {
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
	s := &Server{grace: cfg.Grace, gate: gate, troubles: newTroubles(cfg.Logger), pipeline: &pipeline{sink: sink, gate: gate, broken: newRejections(cfg.Logger), logs: cfg.Logs, seen: cfg.Spans, measured: cfg.Metrics}}
	if err := s.open(ctx, cfg); err != nil {
		return nil, errors.Join(err, s.shutdown(ctx), cfg.Ports.Close())
	}
	return s, nil
}

// open starts the parts in the reverse order of the flow of telemetry: nothing is received before it can be forwarded.
func (s *Server) open(ctx context.Context, cfg Config) (err error) {
	host := &host{log: cfg.Logger, extensions: map[component.ID]component.Component{}}
	if cfg.QueueDir != "" {
		storage, err := newStorage(ctx, cfg)
		if err == nil {
			err = s.begin(ctx, storage, host)
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
			err = s.begin(ctx, f, host)
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
		s.ports = append(s.ports, s.port(cfg, l, &port{name: "OTLP/gRPC", grpc: true, other: elsewhere(s.httpAddr)}))
	}
	if l := cfg.Ports.http; l != nil {
		s.ports = append(s.ports, s.port(cfg, l, &port{name: "OTLP/HTTP", other: elsewhere(s.grpcAddr)}))
	}
	return nil
}

// begin starts a part and registers it for shutdown.
func (s *Server) begin(ctx context.Context, c component.Component, host component.Host) error {
	if err := c.Start(ctx, host); err != nil {
		return err
	}
	s.parts = append(s.parts, c)
	return nil
}

// GRPCAddr and HTTPAddr return the addresses listened on; empty if the protocol is off.
func (s *Server) GRPCAddr() string { return s.grpcAddr }
func (s *Server) HTTPAddr() string { return s.httpAddr }

// Run receives until ctx ends, or a port fails. Then it stops listening, lets requests in progress finish, flushes the
// forwarding queues, and returns. If that takes longer than Config.Grace, requests are aborted, queues in memory are
// lost, and Run returns an error.
func (s *Server) Run(ctx context.Context) error {
	failed := make(chan error, len(s.ports))
	for _, p := range s.ports {
		p.serve(failed)
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.grace)
	defer cancel()
	var errs []error
	for _, p := range s.ports { // no request passes anything on after this
		errs = append(errs, p.shutdown(limit))
	}
	return errors.Join(err, errors.Join(errs...), s.shutdown(limit))
}

// shutdown flushes the forwarding queues and ends the parts.
func (s *Server) shutdown(ctx context.Context) error {
	var errs []error
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

// elsewhere describes, for an error's text, the address at which the other protocol is served. For an unspecified
// address (all interfaces) it names only the port, since nothing can be sent to that address.
func elsewhere(address string) string {
	if address == "" {
		return "another receiver, since that protocol is off here"
	}
	if a, err := netip.ParseAddrPort(address); err == nil && a.Addr().IsUnspecified() {
		return fmt.Sprintf("port %d of this machine", a.Port())
	}
	return address
}
