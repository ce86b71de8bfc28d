package otel

import (
	"context"
	"fmt"

	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// The exporters below stand between the SDK's processors and the real exporters. They keep errors from the SDK, whose
// global handler would print each to stderr, and they end what is under way when the time for shutdown is over, which
// the SDK's span and log processors would sit out.

// lifetime ends exports.
type lifetime struct {
	ctx context.Context
	end context.CancelFunc
}

func newLifetime() lifetime {
	ctx, end := context.WithCancel(context.Background())
	return lifetime{ctx, end}
}

// limit is ctx that also ends with l.
func (l lifetime) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(l.ctx, cancel)
	return ctx, func() { stop(); cancel() }
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
		e.report(fmt.Errorf("export of %d spans: %w", len(spans), err))
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
		e.report(fmt.Errorf("export of metrics: %w", err))
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
		e.report(fmt.Errorf("export of %d log records: %w", len(records), err))
	}
	return nil
}
