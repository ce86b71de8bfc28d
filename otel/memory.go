package otel

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	lognoop "go.opentelemetry.io/otel/log/noop"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"chordconductor/otel/chordevent"
	"chordconductor/otel/internal/pdataconv"
)

// MemoryConfig configures the telemetry of a simulated world, which runs in virtual time.
type MemoryConfig struct {
	Ring     string
	Instance string        // service.instance.id; the caller chooses it, so that one seed gives one run
	Random   func() uint64 // for trace and span identifiers
	Now      func() time.Time
	Sampling Sampling // decides which events have a trace identifier; the spans themselves are not kept
	// Spans is called with each sampled span as it would leave the process. If it is nil, spans are
	// dropped.
	Spans func(ptrace.Traces)
	// Sink is called with each event as the conductor would receive it over OTLP, one event per
	// call, before Emit returns. The data belongs to it.
	Sink func(plog.Logs)
}

// Memory returns providers whose path is the same as that of Setup's providers, except for the
// network: an event is encoded, passes through the SDK, and becomes Collector data. There is no
// queue, no clock and no goroutine. Metrics and ordinary log records are dropped.
func Memory(cfg MemoryConfig) (*Telemetry, error) {
	if cfg.Random == nil || cfg.Now == nil || cfg.Sink == nil {
		return nil, errors.New("the configuration of telemetry in memory must set Random, Now and Sink")
	}
	setDefault(&cfg.Sampling.Lookups, 50)
	setDefault(&cfg.Sampling.Quiet, 0.001)
	res := resource.NewSchemaless(
		semconv.ServiceName("chord-node"),
		semconv.ServiceInstanceID(cfg.Instance),
		chordevent.RingNameKey.String(cfg.Ring),
	)
	tracing := []sdktrace.TracerProviderOption{
		sdktrace.WithResource(res),
		sdktrace.WithSampler(newSampler(cfg.Sampling, cfg.Now)),
		sdktrace.WithIDGenerator(idGenerator{cfg.Random}),
	}
	if cfg.Spans != nil {
		tracing = append(tracing, sdktrace.WithSpanProcessor(memorySpans{cfg.Spans}))
	}
	return &Telemetry{
		Tracers:    sdktrace.NewTracerProvider(tracing...),
		Events:     newEventProvider(res, memory{cfg.Sink}),
		Logs:       lognoop.NewLoggerProvider(),
		Meters:     metricnoop.NewMeterProvider(),
		Propagator: propagation.TraceContext{},
	}, nil
}

// memory hands each record to the sink immediately.
type memory struct{ sink func(plog.Logs) }

func (m memory) Enabled(context.Context, sdklog.EnabledParameters) bool { return true }

func (m memory) OnEmit(_ context.Context, r *sdklog.Record) error {
	data := plog.NewLogs()
	rl := data.ResourceLogs().AppendEmpty()
	for _, kv := range r.Resource().Attributes() {
		pdataconv.Put(rl.Resource().Attributes(), kv)
	}
	sl := rl.ScopeLogs().AppendEmpty()
	sl.Scope().SetName(r.InstrumentationScope().Name)

	out := sl.LogRecords().AppendEmpty()
	out.SetEventName(r.EventName())
	out.SetTimestamp(pcommon.NewTimestampFromTime(r.Timestamp()))
	out.SetObservedTimestamp(pcommon.NewTimestampFromTime(r.ObservedTimestamp()))
	out.SetSeverityNumber(plog.SeverityNumber(r.Severity()))
	out.SetSeverityText(r.SeverityText())
	out.SetTraceID(pcommon.TraceID(r.TraceID()))
	out.SetSpanID(pcommon.SpanID(r.SpanID()))
	out.SetFlags(plog.LogRecordFlags(r.TraceFlags()))
	out.Attributes().EnsureCapacity(r.AttributesLen())
	r.WalkAttributes(func(kv attribute.KeyValue) bool {
		pdataconv.Put(out.Attributes(), kv)
		return true
	})
	m.sink(data)
	return nil
}

func (m memory) Shutdown(context.Context) error   { return nil }
func (m memory) ForceFlush(context.Context) error { return nil }

// memorySpans hands each span to the sink when it ends.
type memorySpans struct{ sink func(ptrace.Traces) }

func (memorySpans) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

func (m memorySpans) OnEnd(s sdktrace.ReadOnlySpan) {
	data := ptrace.NewTraces()
	rs := data.ResourceSpans().AppendEmpty()
	for _, kv := range s.Resource().Attributes() {
		pdataconv.Put(rs.Resource().Attributes(), kv)
	}
	out := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	out.SetKind(ptrace.SpanKind(s.SpanKind())) // both types use the same numbers
	out.SetTraceID(pcommon.TraceID(s.SpanContext().TraceID()))
	out.SetSpanID(pcommon.SpanID(s.SpanContext().SpanID()))
	out.SetParentSpanID(pcommon.SpanID(s.Parent().SpanID()))
	out.SetName(s.Name())
	out.SetStartTimestamp(pcommon.NewTimestampFromTime(s.StartTime()))
	out.SetEndTimestamp(pcommon.NewTimestampFromTime(s.EndTime()))
	if s.Status().Code == codes.Error {
		out.Status().SetCode(ptrace.StatusCodeError)
		out.Status().SetMessage(s.Status().Description)
	}
	for _, kv := range s.Attributes() {
		pdataconv.Put(out.Attributes(), kv)
	}
	m.sink(data)
}

func (memorySpans) Shutdown(context.Context) error   { return nil }
func (memorySpans) ForceFlush(context.Context) error { return nil }
