package emissions

import (
	"context"
	"encoding/binary"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"
	logembedded "go.opentelemetry.io/otel/log/embedded"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/embedded"
	"go.opentelemetry.io/otel/trace/noop"

	"chordconductor/otel/chordevent"
)

// Events returns a provider of event loggers that record, and pass records on to next unless it is
// nil.
func (r *Recorder) Events(next log.LoggerProvider) log.LoggerProvider {
	return events{recorder: r, next: next}
}

type events struct {
	logembedded.LoggerProvider
	recorder *Recorder
	next     log.LoggerProvider
}

func (e events) Logger(scope string, opts ...log.LoggerOption) log.Logger {
	l := logger{recorder: e.recorder}
	if e.next != nil {
		l.next = e.next.Logger(scope, opts...)
	}
	return l
}

type logger struct {
	logembedded.Logger
	recorder *Recorder
	next     log.Logger
}

func (logger) Enabled(context.Context, log.EnabledParameters) bool { return true }

func (l logger) Emit(ctx context.Context, rec log.Record) {
	l.recorder.note(chordevent.SignalEvents, rec.EventName())
	rec.WalkAttributes(func(kv attribute.KeyValue) bool {
		l.recorder.note(chordevent.SignalEvents, rec.EventName(), kv)
		return true
	})
	if l.next != nil {
		l.next.Emit(ctx, rec)
	}
}

// Spans returns a provider of tracers. sampled is called for each root span and returns whether it
// is sampled; a child has its parent's decision.
func (r *Recorder) Spans(sampled func() bool) trace.TracerProvider {
	return &spans{recorder: r, sampled: sampled}
}

type spans struct {
	embedded.TracerProvider
	recorder *Recorder
	sampled  func() bool
	started  uint64
}

func (s *spans) Tracer(string, ...trace.TracerOption) trace.Tracer { return tracer{spans: s} }

type tracer struct {
	embedded.Tracer
	*spans
}

// Start samples what the sampler of package otel samples, such as spans that begin as a change or a
// failure, whether or not their parent is sampled.
func (t tracer) Start(ctx context.Context, of string, opts ...trace.SpanStartOption) (context.Context, trace.Span) {
	cfg := trace.NewSpanStartConfig(opts...)
	parent := trace.SpanContextFromContext(ctx)
	sc := trace.SpanContextConfig{TraceID: parent.TraceID()}
	t.started++
	binary.BigEndian.PutUint64(sc.SpanID[:], t.started)
	if cfg.NewRoot() || !parent.IsValid() {
		binary.BigEndian.PutUint64(sc.TraceID[:], t.started)
	}
	attributes := cfg.Attributes()
	keep := parent.IsSampled() || (cfg.NewRoot() || !parent.IsValid()) && t.sampled()
	for _, a := range attributes {
		if value := a.Value.AsString(); a.Key == chordevent.OutcomeKey && (value == chordevent.OutcomeChanged || value == chordevent.OutcomeFailed) {
			keep = true
		}
	}
	s := &span{recorder: t.recorder, name: of, recording: keep}
	if keep {
		sc.TraceFlags = trace.FlagsSampled
	}
	s.sc = trace.NewSpanContext(sc)
	s.SetAttributes(attributes...)
	return trace.ContextWithSpan(ctx, s), s
}

// A span records its outcome when it ends: a later SetAttributes may replace an earlier outcome.
type span struct {
	noop.Span
	recorder  *Recorder
	name      string
	sc        trace.SpanContext
	recording bool
	outcome   attribute.Value
}

func (s *span) SpanContext() trace.SpanContext { return s.sc }
func (s *span) IsRecording() bool              { return s.recording }

func (s *span) SetAttributes(attributes ...attribute.KeyValue) {
	if !s.recording || !strings.HasPrefix(s.name, "chord.") {
		return
	}
	for _, a := range attributes {
		if a.Key == chordevent.OutcomeKey {
			s.outcome = a.Value
			continue
		}
		s.recorder.note(chordevent.SignalSpans, s.name, a)
	}
}

func (s *span) End(...trace.SpanEndOption) {
	if s.recording && s.outcome.Type() == attribute.STRING {
		s.recorder.note(chordevent.SignalSpans, s.name, attribute.KeyValue{Key: chordevent.OutcomeKey, Value: s.outcome})
	} else if s.recording {
		s.recorder.note(chordevent.SignalSpans, s.name)
	}
}
