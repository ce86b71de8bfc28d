package otel

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/log"
	lognoop "go.opentelemetry.io/otel/log/noop"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
)

// shutdownLimit bounds how long each provider may take to export what waits when a program ends.
const shutdownLimit = 3 * time.Second

// Telemetry holds the providers that a process injects into its parts. All fields are set, if
// necessary with providers that do nothing. No field changes after Setup.
type Telemetry struct {
	Tracers    trace.TracerProvider
	Events     log.LoggerProvider // only for events of package chordevent
	Logs       log.LoggerProvider // for ordinary log records
	Meters     metric.MeterProvider
	Propagator propagation.TextMapPropagator

	pipeline *pipeline // nil if events are dropped, or are passed on immediately in memory
	ends     []end
	stopped  atomic.Bool
}

// An end flushes and stops one provider.
type end struct {
	what  string
	flush func(context.Context) error
	stop  func(context.Context) error
	abort context.CancelFunc
}

// Setup returns the providers of a process, in one Telemetry for all its members. The caller must
// call Shutdown.
func Setup(ctx context.Context, cfg Config) (*Telemetry, error) {
	env := environ{ignore: cfg.IgnoreEnvironment}
	cfg, err := cfg.validated()
	if err := errors.Join(err, env.check()); err != nil {
		return nil, err
	}
	t := &Telemetry{
		Tracers: tracenoop.NewTracerProvider(),
		Events:  lognoop.NewLoggerProvider(),
		Logs:    lognoop.NewLoggerProvider(),
		Meters:  metricnoop.NewMeterProvider(),
	}
	if t.Propagator, err = env.propagator(); err != nil {
		return nil, err
	}
	if env.disabled() {
		return t, nil
	}
	s := setup{Telemetry: t, exporters: exporters{cfg, env}, outage: &outage{notify: cfg.OnError}}
	if s.resource, err = newResource(ctx, cfg); err != nil {
		return nil, fmt.Errorf("cannot determine the resource attributes: %w", err)
	}
	for _, step := range []func(context.Context) error{s.traces, s.eventsAndLogs, s.metrics} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(fmt.Errorf("cannot set up telemetry: %w", err), t.Shutdown(ctx))
		}
	}
	return t, nil
}

// setup is a Telemetry under construction.
type setup struct {
	*Telemetry
	exporters
	resource *resource.Resource
	outage   *outage // one for all signals of the process
}

func (s *setup) reporter() *reporter { return &reporter{outage: s.outage} }

func (s *setup) traces(ctx context.Context) error {
	if !s.env.exports(traces) {
		return nil
	}
	exporter, err := s.spans(ctx)
	if err != nil {
		return fmt.Errorf("cannot create the exporter of spans: %w", err)
	}
	lifetime := newLifetime()
	var batch []sdktrace.BatchSpanProcessorOption
	if s.env.get("OTEL_BSP_SCHEDULE_DELAY") == "" {
		batch = append(batch, sdktrace.WithBatchTimeout(s.cfg.SpanDelay))
	}
	if s.env.get("OTEL_BSP_MAX_QUEUE_SIZE") == "" {
		batch = append(batch, sdktrace.WithMaxQueueSize(s.cfg.SpanQueue))
	}
	opts := []sdktrace.TracerProviderOption{
		sdktrace.WithResource(s.resource),
		sdktrace.WithBatcher(spanExporter{exporter, lifetime, s.reporter()}, batch...),
	}
	if s.env.get("OTEL_TRACES_SAMPLER") == "" {
		opts = append(opts, sdktrace.WithSampler(newSampler(s.cfg.Sampling, time.Now)))
	}
	if s.cfg.Random != nil {
		opts = append(opts, sdktrace.WithIDGenerator(idGenerator{s.cfg.Random}))
	}
	p := sdktrace.NewTracerProvider(opts...)
	s.Tracers = p
	s.ends = append(s.ends, end{"spans", p.ForceFlush, patient(p.Shutdown), lifetime.end})
	return nil
}

func (s *setup) eventsAndLogs(ctx context.Context) error {
	if !s.env.exports(logs) {
		return nil
	}
	exporter, err := s.events(ctx)
	if err != nil {
		return fmt.Errorf("cannot create the exporter of events: %w", err)
	}
	pipeline := s.cfg.Events
	pipeline.Attempt = s.env.timeout(logs, pipeline.Attempt)
	s.pipeline = newPipeline(s.resource, exporter, pipeline, s.reporter().report)
	s.pipeline.recovery.add(s.outage.over)
	s.Events = eventLoggers{p: s.pipeline}
	s.ends = append(s.ends, end{"events", s.pipeline.ForceFlush, s.pipeline.Shutdown, func() {}})

	exporter, err = s.exporters.logs(ctx)
	if err != nil {
		return fmt.Errorf("cannot create the exporter of logs: %w", err)
	}
	lifetime := newLifetime()
	p := sdklog.NewLoggerProvider(sdklog.WithResource(s.resource),
		sdklog.WithProcessor(sdklog.NewBatchProcessor(logExporter{exporter, lifetime, s.reporter()})))
	s.Logs = p
	s.ends = append(s.ends, end{"logs", p.ForceFlush, patient(p.Shutdown), lifetime.end})
	return nil
}
