package otel

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/log/embedded"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/trace"
)

// eventLoggers provides loggers that put records into the pipeline's queue. The conversion to the
// SDK's record is half the cost of an event, so it is left to the exporting goroutine.
type eventLoggers struct {
	embedded.LoggerProvider
	p *pipeline
}

func (e eventLoggers) Logger(name string, opts ...log.LoggerOption) log.Logger {
	return eventLogger{inner: e.p.sdk.Logger(name, opts...), p: e.p}
}

type eventLogger struct {
	embedded.Logger
	inner log.Logger
	p     *pipeline
}

func (l eventLogger) Enabled(context.Context, log.EnabledParameters) bool { return true }

func (l eventLogger) Emit(ctx context.Context, r log.Record) {
	span := trace.SpanFromContext(ctx)
	if span.IsRecording() {
		copyOnto(span, &r)
	}
	l.p.push(emitted{record: r, span: span.SpanContext(), logger: l.inner})
}

// copyOnto copies an event onto a span, as a span event: Jaeger does not store log records, and
// with the copy a trace shows which pointers and keys changed.
func copyOnto(span trace.Span, r *log.Record) {
	attrs := make([]attribute.KeyValue, 0, r.AttributesLen())
	r.WalkAttributes(func(kv attribute.KeyValue) bool {
		attrs = append(attrs, kv)
		return true
	})
	span.AddEvent(r.EventName(), trace.WithTimestamp(r.Timestamp()), trace.WithAttributes(attrs...))
}

// emitted is a record in the queue.
type emitted struct {
	record log.Record
	span   trace.SpanContext // span of the context passed to Emit
	logger log.Logger        // the SDK's logger, which adds resource and scope
}

// convert passes the record to the SDK's logger, which passes its own record to the collector.
func (e *emitted) convert() {
	ctx := context.Background()
	if e.span.IsValid() {
		ctx = trace.ContextWithSpanContext(ctx, e.span)
	}
	e.logger.Emit(ctx, e.record)
}

// newEventProvider returns a provider that never truncates a record: an event is either exported
// whole or lost. The limits that variables may set for ordinary log records do not apply.
func newEventProvider(res *resource.Resource, p sdklog.Processor) *sdklog.LoggerProvider {
	return sdklog.NewLoggerProvider(
		sdklog.WithResource(res),
		sdklog.WithAttributeCountLimit(-1),
		sdklog.WithAttributeValueLengthLimit(-1),
		sdklog.WithAllowKeyDuplication(), // Encode writes no key twice, so no search for duplicates is needed
		sdklog.WithProcessor(p),
	)
}

// collector appends each record to a slice. It does not clone the record, as processors usually do:
// the SDK's logger makes a new record per Emit and does not keep it, and there is no other
// processor. Only one goroutine at a time may use it.
type collector struct{ records *[]sdklog.Record }

func (c collector) Enabled(context.Context, sdklog.EnabledParameters) bool { return true }
func (c collector) OnEmit(_ context.Context, r *sdklog.Record) error {
	*c.records = append(*c.records, *r)
	return nil
}
func (c collector) Shutdown(context.Context) error   { return nil }
func (c collector) ForceFlush(context.Context) error { return nil }
