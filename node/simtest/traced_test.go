package simtest

import (
	"context"

	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/embedded"
	"go.opentelemetry.io/otel/trace/noop"
)

// traced is a tracer that samples every span and keeps none: work that a peer's call starts then runs under that call's
// context, as it does where traces are kept, and must not end with it.
type traced struct {
	embedded.TracerProvider
	ids *uint64
}

func (p traced) Tracer(string, ...trace.TracerOption) trace.Tracer { return tracer{ids: p.ids} }

type tracer struct {
	embedded.Tracer
	ids *uint64
}

func (t tracer) Start(ctx context.Context, _ string, opts ...trace.SpanStartOption) (context.Context, trace.Span) {
	*t.ids++
	n := *t.ids
	sc := trace.SpanContextConfig{
		TraceID: trace.SpanContextFromContext(ctx).TraceID(), SpanID: trace.SpanID{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n), 1},
		TraceFlags: trace.FlagsSampled,
	}
	if cfg := trace.NewSpanStartConfig(opts...); cfg.NewRoot() || !sc.TraceID.IsValid() {
		sc.TraceID = trace.TraceID{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n), 1}
	}
	s := span{sc: trace.NewSpanContext(sc)}
	return trace.ContextWithSpan(ctx, s), s
}

type span struct {
	noop.Span
	sc trace.SpanContext
}

func (s span) SpanContext() trace.SpanContext { return s.sc }
