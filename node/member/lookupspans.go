package member

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"chordconductor/node/chord"
	"chordconductor/node/nodepb"
	"chordconductor/otel/chordevent"
)

// The spans and measurements of lookups. Most lookups are not sampled, so attributes are computed
// only for a span that records.

// startLookup begins the lookup's span, unless the lookup belongs to an operation that is not sampled.
func (m *Member) startLookup(ctx context.Context, l *Lookup) (context.Context, trace.Span) {
	if sc := trace.SpanContextFromContext(ctx); sc.IsValid() && !sc.IsSampled() {
		return ctx, nil
	}
	ctx, span := m.host.in.tracer.Start(ctx, chordevent.SpanLookup, trace.WithTimestamp(l.Start))
	if span.IsRecording() {
		l.Trace = span.SpanContext().TraceID()
		span.SetAttributes(m.lookupAttributes(l.Key, l.Mode)...)
	}
	return ctx, span
}

// lookupAttributes returns the attributes of the spans of a lookup and of its hops.
func (m *Member) lookupAttributes(key chord.ID, mode Mode) []attribute.KeyValue {
	space := m.host.space
	return []attribute.KeyValue{
		chordevent.NodeIDKey.String(m.hex), chordevent.HostIDKey.String(m.host.cfg.HostID),
		chordevent.LookupKeyKey.String(space.Format(key)), chordevent.LookupModeKey.String(string(mode)),
		chordevent.LookupDistanceKey.String(space.Format(space.Distance(m.self.ID, key))),
	}
}

// endLookup ends the span and counts the lookup. A failed lookup is exported even if its span was
// not sampled, as one span with the known part of its path.
func (m *Member) endLookup(ctx context.Context, span trace.Span, l *Lookup, err error) {
	in := m.host.in
	if span != nil {
		if err != nil && !span.IsRecording() && !isStop(err) {
			path := make([]string, len(l.Path))
			for i, h := range l.Path {
				path[i] = m.host.space.Format(h.Peer.ID)
			}
			_, span = in.tracer.Start(context.Background(), chordevent.SpanLookup, trace.WithNewRoot(), trace.WithTimestamp(l.Start),
				trace.WithAttributes(chordevent.OutcomeKey.String(chordevent.OutcomeFailed)))
			span.SetAttributes(append(m.lookupAttributes(l.Key, l.Mode), chordevent.LookupPathKey.StringSlice(path))...)
		}
		if span.IsRecording() {
			span.SetAttributes(chordevent.LookupHopsKey.Int(l.Hops()), chordevent.LookupTimeoutsKey.Int(l.Timeouts))
			if err == nil {
				span.SetAttributes(chordevent.LookupOwnerKey.String(m.host.space.Format(l.Owner.ID)))
			}
			setOutcome(span, err)
			span.End(trace.WithTimestamp(l.Start.Add(l.Duration)))
		}
	}
	attributes := in.lookupSet(l.Mode, err == nil)
	in.lookupDuration.Record(ctx, l.Duration.Seconds(), attributes...)
	in.lookupHops.Record(ctx, int64(l.Hops()), attributes...)
	if l.Timeouts > 0 {
		in.lookupTimeouts.Add(ctx, int64(l.Timeouts), metric.WithAttributes(chordevent.LookupModeKey.String(string(l.Mode))))
	}
}

// startHop begins a hop's span, if the lookup is sampled. By the call's trace context its parent is
// the span of the previous hop. The initiator, hop 0, has the lookup's own span.
func (m *Member) startHop(ctx context.Context, key chord.ID, mode Mode, index int) (context.Context, trace.Span) {
	if !trace.SpanContextFromContext(ctx).IsSampled() {
		return ctx, nil
	}
	ctx, span := m.host.in.tracer.Start(ctx, chordevent.SpanLookupHop, trace.WithTimestamp(m.env.Now()))
	if span.IsRecording() {
		span.SetAttributes(append(m.lookupAttributes(key, mode), chordevent.LookupHopKey.Int(index))...)
	}
	return ctx, span
}

// choose records on a span the candidate that the member chose, and how many candidates tried
// before it did not answer (timeouts); next is nil if the member chose itself.
func (m *Member) choose(span trace.Span, next *candidate, timeouts int) {
	if span == nil || !span.IsRecording() {
		return
	}
	if next == nil {
		span.SetAttributes(chordevent.LookupPointerKey.String(chordevent.PointerSelf), chordevent.LookupTimeoutsKey.Int(timeouts))
		return
	}
	span.SetAttributes(chordevent.PeerIDKey.String(m.host.space.Format(next.peer.ID)), chordevent.LookupTimeoutsKey.Int(timeouts),
		chordevent.LookupPointerKey.String(pointerName(next.pointer)), chordevent.LookupSlotKey.Int(next.slot))
}

func (m *Member) endHop(span trace.Span, err error) {
	if span != nil {
		setOutcome(span, err)
		span.End(trace.WithTimestamp(m.env.Now()))
	}
}

// setOutcome records on a span how its operation ended.
func setOutcome(span trace.Span, err error) {
	if err == nil {
		span.SetAttributes(chordevent.OutcomeKey.String(chordevent.OutcomeOK))
		return
	}
	span.SetAttributes(chordevent.OutcomeKey.String(chordevent.OutcomeFailed))
	span.SetStatus(codes.Error, err.Error())
}

func pointerName(p nodepb.Candidate_Pointer) string {
	switch p {
	case nodepb.Candidate_POINTER_FINGER:
		return chordevent.PointerFinger
	case nodepb.Candidate_POINTER_SUCCESSOR:
		return chordevent.PointerSuccessor
	}
	return chordevent.PointerSelf
}
