package otel

import (
	"context"
	"errors"
	"fmt"
	"time"

	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// The exporters in this file stand between the SDK's processors and the real exporters. They keep
// errors from the SDK, whose global error handler would print each of them to stderr. They also
// abort exports when the time for shutdown is over; the SDK's span and log processors would wait
// until these exports end.

// A lifetime aborts exports when it ends.
type lifetime struct {
	ctx context.Context
	end context.CancelFunc
}

func newLifetime() lifetime {
	ctx, end := context.WithCancel(context.Background())
	return lifetime{ctx, end}
}

// limit returns a context that ends with ctx, or when l ends.
func (l lifetime) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(l.ctx, cancel)
	return ctx, func() { stop(); cancel() }
}

// abortGrace is how long a provider of the SDK may take to stop after its exports were aborted.
const abortGrace = 500 * time.Millisecond

// patient wraps a provider's Shutdown so that it stops all that the provider runs. The SDK's
// Shutdown returns early and leaves goroutines running when its context ends, or has already ended.
// So the SDK gets a context that ends later than ctx: when ctx ends, all exports fail immediately
// (see lifetime), so that Shutdown has little left to wait for, and abortGrace bounds that time.
func patient(shutdown func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		longer, end := context.WithCancel(context.WithoutCancel(ctx))
		defer end()
		stop := context.AfterFunc(ctx, func() { time.AfterFunc(abortGrace, end) })
		defer stop()
		return errors.Join(shutdown(longer), ctx.Err())
	}
}

type spanExporter struct {
	sdktrace.SpanExporter
	lifetime
	*reporter
}

func (e spanExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	ctx, cancel := e.limit(ctx)
	defer cancel()
	if err := e.SpanExporter.ExportSpans(ctx, spans); err != nil {
		e.report(fmt.Errorf("cannot export %d spans: %w", len(spans), err))
	}
	return nil
}

type metricExporter struct {
	sdkmetric.Exporter
	lifetime
	*reporter
}

func (e metricExporter) Export(ctx context.Context, data *metricdata.ResourceMetrics) error {
	ctx, cancel := e.limit(ctx)
	defer cancel()
	if err := e.Exporter.Export(ctx, data); err != nil {
		e.report(fmt.Errorf("cannot export metrics: %w", err))
	}
	return nil
}

type logExporter struct {
	sdklog.Exporter
	lifetime
	*reporter
}

func (e logExporter) Export(ctx context.Context, records []sdklog.Record) error {
	ctx, cancel := e.limit(ctx)
	defer cancel()
	if err := e.Exporter.Export(ctx, records); err != nil {
		e.report(fmt.Errorf("cannot export %d log records: %w", len(records), err))
	}
	return nil
}
