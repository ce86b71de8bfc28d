package otel

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/trace"
)

// bridge copies an event onto the recording span of its context, as a span event: Jaeger has no place for log records,
// and this is where a trace shows the pointers and keys that changed. Under a span that is not recorded it costs next to
// nothing.
type bridge struct{}

func (bridge) Enabled(context.Context, sdklog.EnabledParameters) bool { return true }

func (bridge) OnEmit(ctx context.Context, r *sdklog.Record) error {
	span := trace.SpanFromContext(ctx)
	if r.EventName() == "" || !span.IsRecording() {
		return nil
	}
	attrs := make([]attribute.KeyValue, 0, r.AttributesLen())
	r.WalkAttributes(func(kv attribute.KeyValue) bool {
		attrs = append(attrs, kv)
		return true
	})
	span.AddEvent(r.EventName(), trace.WithTimestamp(r.Timestamp()), trace.WithAttributes(attrs...))
	return nil
}

func (bridge) Shutdown(context.Context) error   { return nil }
func (bridge) ForceFlush(context.Context) error { return nil }
