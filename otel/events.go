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

// eventLoggers makes loggers that put records into the pipeline's queue. The conversion to the SDK's record is half the
// cost of an event, so the exporting goroutine does it.
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

// copyOnto copies an event onto a span, as a span event: Jaeger does not store log records, and so a trace shows the
// pointers and keys that changed.
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
	span   trace.SpanContext // of Emit's context
	logger log.Logger        // of the SDK, which has resource and scope
}

// convert has the SDK make its record, which comes out at the collector.
func (e *emitted) convert() {
	ctx := context.Background()
	if e.span.IsValid() {
		ctx = trace.ContextWithSpanContext(ctx, e.span)
	}
	e.logger.Emit(ctx, e.record)
}

// newEventProvider makes a provider that never truncates a record: an event is whole or lost. The limits that variables
// may set for ordinary records do not apply.
func newEventProvider(res *resource.Resource, p sdklog.Processor) *sdklog.LoggerProvider {
	return sdklog.NewLoggerProvider(
		sdklog.WithResource(res),
		sdklog.WithAttributeCountLimit(-1),
		sdklog.WithAttributeValueLengthLimit(-1),
		sdklog.WithAllowKeyDuplication(), // Encode writes none, so there is nothing to look for
		sdklog.WithProcessor(p),
	)
}

// collector appends each record to a slice. It takes the record as it is, without the usual clone: the SDK's logger
// makes one per Emit and forgets it, and there is no other processor. It must be used by one goroutine at a time.
type collector struct{ records *[]sdklog.Record }

func (c collector) Enabled(context.Context, sdklog.EnabledParameters) bool { return true }
func (c collector) OnEmit(_ context.Context, r *sdklog.Record) error {
	*c.records = append(*c.records, *r)
	return nil
}
func (c collector) Shutdown(context.Context) error   { return nil }
func (c collector) ForceFlush(context.Context) error { return nil }
