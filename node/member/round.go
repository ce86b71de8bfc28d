package member

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// A round is one maintenance operation. At its start it is not known whether it will change
// anything, and only rounds that do are worth a trace. So a round runs unsampled, and becomes a
// trace, back-dated to its start, with its first change: all its calls from then on are in that
// trace, and so are the peers' parts of them.
type round struct {
	m     *Member
	name  string // span name
	start time.Time
	ctx   context.Context // the context of the round's calls
	span  trace.Span      // nil until something changed, unless the round belongs to another operation's trace
	did   bool            // something changed
	peer  string          // the other member concerned, in hex
}

// begin starts a round. A round caused by a peer's sampled operation belongs to that trace, but its
// context does not end with the peer's call: that is answered, and its context cancelled, before
// the round begins.
func (m *Member) begin(parent context.Context, name string) *round {
	r := &round{m: m, name: name, start: m.env.Now(), ctx: m.host.in.unsampled}
	if trace.SpanContextFromContext(parent).IsSampled() {
		r.open(context.WithoutCancel(parent), "")
	}
	return r
}

// about sets the other member that the round concerns; the span records the one that was set at the
// first change. A peer without an incarnation stands for any member at its address, and has no
// identifier.
func (r *round) about(p chord.Peer) {
	if p.Incarnation == 0 || r.span != nil && r.peer != "" {
		return
	}
	r.peer = r.m.host.space.Format(p.ID)
	if r.span != nil {
		r.span.SetAttributes(chordevent.PeerIDKey.String(r.peer))
	}
}

func (r *round) open(parent context.Context, outcome string, options ...trace.SpanStartOption) {
	attributes := []attribute.KeyValue{chordevent.NodeIDKey.String(r.m.hex), chordevent.HostIDKey.String(r.m.host.cfg.HostID)}
	if outcome != "" {
		attributes = append(attributes, chordevent.OutcomeKey.String(outcome))
	}
	if r.peer != "" {
		attributes = append(attributes, chordevent.PeerIDKey.String(r.peer))
	}
	r.ctx, r.span = r.m.host.in.tracer.Start(parent, r.name,
		append(options, trace.WithTimestamp(r.start), trace.WithAttributes(attributes...))...)
}

// changed marks that the round changes something, and returns the context of its trace.
func (r *round) changed() context.Context {
	r.did = true
	if r.span == nil {
		r.open(context.Background(), chordevent.OutcomeChanged, trace.WithNewRoot())
	}
	return r.ctx
}

// end ends the round. A round that changed nothing is offered to the sampler as a span of its own,
// of which few are sampled.
func (r *round) end(err error) {
	outcome := chordevent.OutcomeQuiet
	switch {
	case isStop(err):
		outcome = chordevent.OutcomeFailed
	case r.did:
		outcome = chordevent.OutcomeChanged
	case err == errBusy:
		outcome = chordevent.OutcomeBusy
	}
	r.m.host.in.count(r.m.host.in.rounds, r.name, outcome)
	if r.span == nil {
		r.open(context.Background(), outcome, trace.WithNewRoot())
	}
	if r.span.IsRecording() {
		r.span.SetAttributes(chordevent.OutcomeKey.String(outcome))
		if err != nil {
			r.span.SetStatus(codes.Error, err.Error())
		}
	}
	r.span.End(trace.WithTimestamp(r.m.env.Now()))
}

// count adds one to a counter by operation and outcome. The sets of attributes are few, and the SDK keys them by value.
func (in *instruments) count(c metric.Int64Counter, operation, outcome string) {
	attributes := []attribute.KeyValue{chordevent.OperationKey.String(operation)}
	if outcome != "" {
		attributes = append(attributes, chordevent.OutcomeKey.String(outcome))
	}
	c.Add(context.Background(), 1, metric.WithAttributes(attributes...))
}
