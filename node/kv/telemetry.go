package kv

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"chordconductor/node/chord"
	"chordconductor/node/env"
	"chordconductor/node/nodepb"
	"chordconductor/node/store"
	"chordconductor/otel/chordevent"
)

// telemetry holds the spans and metrics of a Keeper. Times come from the environment, so that a simulated run emits the
// same telemetry every time.
type telemetry struct {
	env        env.Env
	tracer     trace.Tracer
	attributes []attribute.KeyValue
	quiet      context.Context // of background work that may change nothing: its calls start no traces

	duration metric.Float64Histogram
	moved    metric.Int64Counter
	keys     metric.Int64UpDownCounter
	size     metric.Int64UpDownCounter

	reservations metric.Int64Counter

	mu     sync.Mutex
	levels [4]int64 // guarded by mu: the values last added to keys and size, of owned records and replicas
}

func newTelemetry(tracer trace.Tracer, meter metric.Meter, e env.Env, attributes []attribute.KeyValue) *telemetry {
	t := &telemetry{env: e, tracer: tracer, attributes: attributes}
	// The instruments' names and units are constants of a table that tests check, so making them cannot fail.
	t.duration, _ = chordevent.OperationDuration.Float64Histogram(meter)
	t.moved, _ = chordevent.KeysMovedCount.Int64Counter(meter)
	t.keys, _ = chordevent.StoreKeys.Int64UpDownCounter(meter)
	t.reservations, _ = chordevent.Reservations.Int64Counter(meter)
	t.size, _ = chordevent.StoreSize.Int64UpDownCounter(meter)
	for _, role := range []metric.MeasurementOption{roleOwned, roleReplica} { // an empty store shows as 0, not as nothing
		t.keys.Add(context.Background(), 0, role)
		t.size.Add(context.Background(), 0, role)
	}
	// A remote parent that is not sampled: its children are not sampled either.
	t.quiet = trace.ContextWithSpanContext(context.Background(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{15: 1}, SpanID: trace.SpanID{7: 1},
	}))
	return t
}

// after returns the context of work that follows from ctx, and outlasts it.
func (t *telemetry) after(ctx context.Context) context.Context {
	if sc := trace.SpanContextFromContext(ctx); sc.IsSampled() {
		return trace.ContextWithSpanContext(context.Background(), sc)
	}
	return t.quiet
}

// startMove starts the span of a handoff. Handoffs are always sampled: if the claim behind one is not, the handoff is a
// trace of its own, not a child of a span that is never exported.
func (t *telemetry) startMove(ctx context.Context, attributes ...attribute.KeyValue) (context.Context, trace.Span) {
	if !trace.SpanContextFromContext(ctx).IsSampled() {
		ctx = trace.ContextWithSpanContext(ctx, trace.SpanContext{})
	}
	return t.start(ctx, chordevent.SpanKeysMove, attributes...)
}

// endMove ends the span of a handoff, on either side.
func (t *telemetry) endMove(span trace.Span, err error, keys, bytes int64) {
	t.end(span, err, chordevent.OutcomeKey.String(chordevent.OutcomeOK), chordevent.MoveKeysKey.Int64(keys), chordevent.MoveBytesKey.Int64(bytes))
}

// moveAttributes returns the span attributes that both sides of a handoff share.
func moveAttributes(space chord.Space, id, direction string, reason chordevent.MoveReason, peer chord.Peer) []attribute.KeyValue {
	return []attribute.KeyValue{
		chordevent.MoveIDKey.String(id), chordevent.MoveDirectionKey.String(direction),
		chordevent.MoveReasonKey.String(string(reason)), chordevent.PeerIDKey.String(space.Format(peer.ID)),
	}
}

func (t *telemetry) start(ctx context.Context, name string, attributes ...attribute.KeyValue) (context.Context, trace.Span) {
	return t.startAt(ctx, t.env.Now(), name, attributes...)
}

func (t *telemetry) startAt(ctx context.Context, at time.Time, name string, attributes ...attribute.KeyValue) (context.Context, trace.Span) {
	return t.tracer.Start(ctx, name, trace.WithTimestamp(at), trace.WithAttributes(t.attributes...), trace.WithAttributes(attributes...))
}

func (t *telemetry) end(span trace.Span, err error, attributes ...attribute.KeyValue) {
	if span.IsRecording() {
		span.SetAttributes(attributes...)
		if err != nil {
			span.SetAttributes(chordevent.OutcomeKey.String(chordevent.OutcomeFailed))
			span.SetStatus(codes.Error, err.Error())
		}
	}
	span.End(trace.WithTimestamp(t.env.Now()))
}

var (
	roleOwned   = metric.WithAttributeSet(attribute.NewSet(chordevent.StoreRoleKey.String("owned")))
	roleReplica = metric.WithAttributeSet(attribute.NewSet(chordevent.StoreRoleKey.String("replica")))
)

// report updates the process-wide levels to what this member holds.
func (t *telemetry) report(owned, all store.Summary) {
	t.level([4]int64{owned.Live, all.Live - owned.Live, owned.Bytes, all.Bytes - owned.Bytes})
}

// forget removes an ended member from the process-wide levels.
func (t *telemetry) forget() { t.level([4]int64{}) }

func (t *telemetry) level(now [4]int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	ctx := context.Background()
	for i, add := range [4]func(int64){
		func(n int64) { t.keys.Add(ctx, n, roleOwned) },
		func(n int64) { t.keys.Add(ctx, n, roleReplica) },
		func(n int64) { t.size.Add(ctx, n, roleOwned) },
		func(n int64) { t.size.Add(ctx, n, roleReplica) },
	} {
		if n := now[i] - t.levels[i]; n != 0 {
			add(n)
		}
	}
	t.levels = now
}

// measure records the duration of a client operation.
func (t *telemetry) measure(ctx context.Context, operation, outcome string, took time.Duration) {
	t.duration.Record(ctx, took.Seconds(), metric.WithAttributes(
		chordevent.OperationKey.String(operation), chordevent.OutcomeKey.String(outcome)))
}

// moved emits an event of a handoff, and counts its keys when it is done.
func (k *Keeper) moved(ctx context.Context, e chordevent.KeysMoved) {
	k.member.Emit(ctx, e)
	if e.Phase == chordevent.MoveDone {
		direction := "in"
		if e.Outgoing {
			direction = "out"
		}
		k.tel.moved.Add(ctx, e.Keys, metric.WithAttributes(
			chordevent.MoveReasonKey.String(string(e.Reason)), chordevent.MoveDirectionKey.String(direction)))
	}
}

func (k *Keeper) keyAttribute(id chord.ID) attribute.KeyValue {
	return chordevent.LookupKeyKey.String(k.space.Format(id))
}

func reasonToWire(r chordevent.MoveReason) nodepb.MoveRequest_Reason {
	switch r {
	case chordevent.MoveJoin:
		return nodepb.MoveRequest_REASON_JOIN
	case chordevent.MoveLeave:
		return nodepb.MoveRequest_REASON_LEAVE
	}
	return nodepb.MoveRequest_REASON_REPAIR
}

func reasonFromWire(r nodepb.MoveRequest_Reason) (chordevent.MoveReason, bool) {
	switch r {
	case nodepb.MoveRequest_REASON_JOIN:
		return chordevent.MoveJoin, true
	case nodepb.MoveRequest_REASON_LEAVE:
		return chordevent.MoveLeave, true
	case nodepb.MoveRequest_REASON_REPAIR:
		return chordevent.MoveRepair, true
	}
	return "", false
}
