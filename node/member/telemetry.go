package member

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"
	lognoop "go.opentelemetry.io/otel/log/noop"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"chordconductor/internal/assertion"
	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// Telemetry has the providers through which a host's members emit traces, events and metrics.
// Through a nil one nothing is emitted.
type Telemetry struct {
	Tracer trace.TracerProvider
	Events log.LoggerProvider // the pipeline for events: see package otel
	Meter  metric.MeterProvider
	// Lost returns the number of event records that the process has lost, as far as it knows. A keyframe follows each
	// increase.
	Lost func() int64
	// Assertions counts invariants of the members' own state that do not hold.
	Assertions *assertion.Counts
}

const scope = "chordconductor/node/member"

// instruments is a host's Telemetry, ready for use.
type instruments struct {
	tracer trace.Tracer
	events log.Logger
	meter  metric.Meter
	lost   func() int64
	broken *assertion.Counts

	lookupDuration metric.Float64Histogram
	lookupHops     metric.Int64Histogram
	lookupTimeouts metric.Int64Counter
	lookupSets     [4][]metric.RecordOption // by mode and outcome: see lookupSet
	rounds         metric.Int64Counter
	failures       metric.Int64Counter

	// unsampled is the context of maintenance that changes nothing. Its parent span is not
	// recorded, so that calls with it start no traces, here or at the peer.
	unsampled context.Context
}

func newInstruments(t Telemetry, env interface{ Uint64() uint64 }) (*instruments, error) {
	if t.Tracer == nil {
		t.Tracer = tracenoop.NewTracerProvider()
	}
	if t.Events == nil {
		t.Events = lognoop.NewLoggerProvider()
	}
	if t.Meter == nil {
		t.Meter = metricnoop.NewMeterProvider()
	}
	if t.Lost == nil {
		t.Lost = func() int64 { return 0 }
	}
	meter := t.Meter.Meter(scope)
	in := &instruments{tracer: t.Tracer.Tracer(scope), events: t.Events.Logger(scope), meter: meter, lost: t.Lost, broken: t.Assertions}
	var errs [5]error
	in.lookupDuration, errs[0] = chordevent.LookupDuration.Float64Histogram(meter)
	in.lookupHops, errs[1] = chordevent.LookupHops.Int64Histogram(meter)
	in.lookupTimeouts, errs[2] = chordevent.LookupTimeouts.Int64Counter(meter)
	in.rounds, errs[3] = chordevent.MaintenanceRounds.Int64Counter(meter)
	in.failures, errs[4] = chordevent.PeerFailures.Int64Counter(meter)

	for i, outcome := range [...]string{chordevent.OutcomeOK, chordevent.OutcomeFailed} {
		for j, mode := range [...]Mode{Recursive, Iterative} {
			in.lookupSets[2*i+j] = []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(
				chordevent.LookupModeKey.String(string(mode)), chordevent.OutcomeKey.String(outcome)))}
		}
	}

	var parent trace.SpanContextConfig
	for i := range parent.TraceID {
		parent.TraceID[i] = byte(env.Uint64()) | 1
	}
	for i := range parent.SpanID {
		parent.SpanID[i] = byte(env.Uint64()) | 1
	}
	in.unsampled = trace.ContextWithSpanContext(context.Background(), trace.NewSpanContext(parent))
	return in, errors.Join(errs[:]...)
}

// Emit numbers an event and sends it; into a move it enters the last event number known of the
// peer. The event is numbered before its body is complete (see keyframe), so of two events on one
// register the one with the greater number always has the later value.
func (m *Member) Emit(ctx context.Context, body chordevent.Body) {
	if move, ok := body.(chordevent.KeysMoved); ok {
		move.Peer = m.ref(move.Peer.Peer)
		body = move
	}
	m.emit(ctx, func() chordevent.Body { return body })
}

func (m *Member) emit(ctx context.Context, read func() chordevent.Body) {
	if m.muted.Load() || m.stage.Load() != shown {
		return
	}
	seq := m.seq.Add(1)
	if !trace.SpanContextFromContext(ctx).IsSampled() {
		ctx = context.Background() // no reader could follow the reference
	}
	m.host.in.events.Emit(ctx, chordevent.Encode(chordevent.Event{
		Time: m.env.Wall(),
		Host: chordevent.Host{ID: m.host.cfg.HostID, Address: m.host.address},
		Node: chordevent.Node{ID: m.self.ID, Digits: m.host.space.Digits(), Incarnation: m.self.Incarnation, Seq: seq},
		Body: read(),
	}))
}

// The stages of a member in telemetry.
const (
	hidden    = iota // it has emitted nothing yet
	shown            // it has emitted Started, and will emit Left unless it crashes
	withdrawn        // it has ended without having emitted Started, and never will
)

// appear emits Started. It waits until the first try to join has shown whether another member has
// the identifier: a later incarnation would replace that member in every conductor's view.
func (m *Member) appear(ctx context.Context) {
	if m.stage.CompareAndSwap(hidden, shown) {
		m.Emit(ctx, m.started())
		m.keyframe()
	}
}

// keyframe emits the member's whole state.
func (m *Member) keyframe() {
	m.emit(context.Background(), func() chordevent.Body {
		s := m.now.Load()
		return chordevent.State{
			Started:     m.started(),
			Status:      s.status(),
			Period:      m.host.cfg.Keyframe,
			Successors:  m.refs(s.Succ),
			Predecessor: m.ref(s.Pred),
			Ownership:   m.keys.Ownership(),
			Fingers:     m.runs(s.fingers.Runs()),
			Load:        m.keys.Load(),
			Lost:        m.host.in.lost(),
		}
	})
}

func (m *Member) started() chordevent.Started {
	cfg := &m.host.cfg
	return chordevent.Started{Address: m.self.Addr, Bits: cfg.Bits, ListLen: cfg.Successors, Replicas: cfg.Replicas, VirtualIndex: m.index}
}

// ref returns p in the form in which events name it, with the last event number received from p.
func (m *Member) ref(p chord.Peer) chordevent.PeerRef {
	if !p.Real() {
		return chordevent.PeerRef{Peer: p}
	}
	return chordevent.PeerRef{Peer: p, Seq: m.peers.seq(p)}
}

func (m *Member) refs(list []chord.Peer) []chordevent.PeerRef {
	refs := make([]chordevent.PeerRef, len(list))
	for i, p := range list {
		refs[i] = m.ref(p)
	}
	return refs
}

func (m *Member) runs(list []chord.Run) []chordevent.FingerRun {
	runs := make([]chordevent.FingerRun, len(list))
	for i, r := range list {
		runs[i] = chordevent.FingerRun{First: r.First, Last: r.Last, Peer: m.ref(r.Peer)}
	}
	return runs
}

// reporter has the schedule of what a member emits periodically: keyframes and load. The member's
// loop owns it, and reports directly before it calls the neighbors, so that these know the member's
// last event number when they report its failure.
type reporter struct {
	keyframe time.Time // when the next one is due
	loadNext time.Time // the next load is not emitted before this time
	load     chordevent.Load
	lost     int64
}

// report emits the keyframe and the load that are due.
func (m *Member) report() {
	r := &m.reporter
	now := m.env.Now()
	if m.recovered.Swap(false) {
		// All members of the process share one exporter, so they spread their keyframes over a
		// second.
		if soon := now.Add(m.random(time.Second)); soon.Before(r.keyframe) {
			r.keyframe = soon
		}
	}
	if lost := m.host.in.lost(); !now.Before(r.keyframe) || lost > r.lost {
		r.lost = lost
		period := m.host.cfg.Keyframe
		r.keyframe = now.Add(period - m.random(period/4))
		r.load, r.loadNext = m.keys.Load(), now.Add(time.Second)
		m.keyframe()
	}
	if !now.Before(r.loadNext) {
		r.loadNext = now.Add(time.Second)
		if load := m.keys.Load(); load != r.load {
			r.load = load
			m.Emit(context.Background(), chordevent.NodeLoad{Load: load})
		}
	}
}

// lookupSet returns the attributes of a lookup's measurements.
func (in *instruments) lookupSet(mode Mode, ok bool) []metric.RecordOption {
	i := 0
	if mode == Iterative {
		i = 1
	}
	if !ok {
		i += 2
	}
	return in.lookupSets[i]
}
