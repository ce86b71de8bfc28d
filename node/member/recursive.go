package member

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"chordconductor/node/chord"
	"chordconductor/node/env"
	"chordconductor/node/nodepb"
	"chordconductor/otel/chordevent"
)

// maxForwards bounds the lookups that one member passes on at a time. At the bound it answers BUSY, and the hop before
// goes another way.
const maxForwards = 1024

// recursive sends a lookup on its way and waits for the owner's answer.
func (m *Member) recursive(ctx context.Context, l *Lookup, deadline time.Time) error {
	w := &waiting{signal: m.host.env.NewSignal()}
	id := m.env.Uint64()
	if !m.lookups.add(id, w) {
		return errTooMany
	}
	if ctx.Done() != nil {
		defer context.AfterFunc(ctx, w.signal.Set)()
	}
	f := &nodepb.ForwardRequest{
		Lookup: id, Initiator: m.wireSelf(), Key: l.Key[:], HopsLeft: maxHops, StartedMicros: l.Start.UnixMicro(),
		Path: []*nodepb.Hop{{Peer: m.wireSelf(), Pointer: nodepb.Candidate_POINTER_SELF}},
	}
	timeouts, err := m.pass(ctx, f, l.Key, trace.SpanFromContext(ctx))
	l.Timeouts += timeouts
	if err == nil {
		// Some hops on the way may meet silent members. Past this the lookup is lost, and goes on iteratively.
		limit := min(4*m.host.cfg.CallLimit, deadline.Sub(m.env.Now()))
		err = w.signal.Wait(max(limit, time.Millisecond))
	}
	a := m.lookups.remove(id)
	switch {
	case m.gone():
		return errGone
	case ctx.Err() != nil:
		return ctx.Err()
	case a != nil:
		return m.accept(l, a)
	case err == nil:
		return errNoRoute
	}
	return err
}

// accept reads the answer that ended a recursive lookup.
func (m *Member) accept(l *Lookup, a *nodepb.AnswerRequest) error {
	if len(a.Path) > maxHops+1 {
		return errNoRoute
	}
	path := make([]Hop, 0, len(a.Path))
	timeouts := 0
	for _, h := range a.Path {
		ref, err := peerFromWire(m.host.space, h.GetPeer())
		if err != nil {
			return err
		}
		timeouts += int(h.Timeouts)
		path = append(path, Hop{ref.Peer, h.Pointer, int(h.Slot), int(h.Timeouts), time.Duration(h.AtMicros) * time.Microsecond})
	}
	l.Path, l.Timeouts = path, timeouts
	owner, err := peerFromWire(m.host.space, a.Owner)
	if err != nil {
		return err
	}
	if !owner.Real() {
		return errNoRoute
	}
	l.Owner = owner.Peer
	return nil
}

// forward is one hop of another member's lookup, after it has been acknowledged.
func (m *Member) forward(ctx context.Context, f *nodepb.ForwardRequest, key chord.ID) {
	defer m.forwards.Add(-1)
	ctx, span := m.startHop(ctx, key, Recursive, len(f.Path)-1)
	if m.keys.Owns(key) {
		m.answer(ctx, f, m.wireSelf(), "")
		m.choose(span, nil, 0)
		m.endHop(span, nil)
		return
	}
	err := errNoRoute
	if f.HopsLeft > 0 {
		_, err = m.pass(ctx, f, key, span)
	}
	if err != nil && !isStop(err) {
		m.answer(ctx, f, nil, err.Error())
	}
	m.endHop(span, err)
}

// pass hands a lookup to the best next hop that takes it: a silent candidate is replaced by the next best. It says on
// the span whom it chose, and returns how many did not answer.
func (m *Member) pass(ctx context.Context, f *nodepb.ForwardRequest, key chord.ID, span trace.Span) (timeouts int, err error) {
	for _, c := range m.candidates(key, f.Final, false) {
		if slices.ContainsFunc(f.Path, func(h *nodepb.Hop) bool { return chord.ID(h.Peer.Id) == c.peer.ID }) {
			continue // it has had its say
		}
		hop := &nodepb.Hop{
			Peer: peerToWire(c.peer, 0), Pointer: c.pointer, Slot: int32(c.slot), Timeouts: int32(timeouts),
			AtMicros: max(m.env.Now().UnixMicro()-f.StartedMicros, 0),
		}
		a, err := m.env.Ring(c.peer.Addr, m.host.cfg.CallLimit).Forward(ctx, &nodepb.ForwardRequest{
			Call: m.Call(c.peer), Lookup: f.Lookup, Initiator: f.Initiator, Key: f.Key, Final: c.final,
			Path: append(slices.Clip(f.Path), hop), HopsLeft: f.HopsLeft - 1, StartedMicros: f.StartedMicros,
		})
		silent := errors.Is(err, env.ErrTimeout)
		_, err = judge(m, ctx, c.peer, a, err)
		switch {
		case err == nil:
			m.choose(span, &c, timeouts)
			return timeouts, nil
		case isStop(err) || ctx.Err() != nil:
			return timeouts, err
		case silent:
			timeouts++
			m.suspect(c.peer)
		}
	}
	m.choose(span, nil, timeouts)
	return timeouts, errNoRoute
}

// answer tells the initiator the end of its lookup: twice if it must be, since the initiator waits long for a lost one.
func (m *Member) answer(ctx context.Context, f *nodepb.ForwardRequest, owner *nodepb.Peer, problem string) {
	initiator, err := peerFromWire(m.host.space, f.Initiator)
	if err != nil {
		return
	}
	for range 2 {
		a, err := m.env.Ring(initiator.Addr, m.host.cfg.CallLimit).Answer(ctx, &nodepb.AnswerRequest{
			Call: m.Call(initiator.Peer), Lookup: f.Lookup, Owner: owner, Error: problem, Path: f.Path,
		})
		silent := errors.Is(err, env.ErrTimeout)
		if judge(m, ctx, initiator.Peer, a, err); !silent {
			return
		}
	}
}

// startHop begins a hop's span, if the lookup is sampled. The hop before is its parent, by the call's trace context; the
// initiator, hop 0, has the lookup's own span.
func (m *Member) startHop(ctx context.Context, key chord.ID, mode Mode, index int) (context.Context, trace.Span) {
	if !trace.SpanContextFromContext(ctx).IsSampled() {
		return ctx, nil
	}
	return m.host.in.tracer.Start(ctx, chordevent.SpanLookupHop, trace.WithTimestamp(m.env.Now()), trace.WithAttributes(
		chordevent.NodeIDKey.String(m.hex), chordevent.HostIDKey.String(m.host.cfg.HostID),
		chordevent.LookupKeyKey.String(m.host.space.Format(key)), chordevent.LookupModeKey.String(string(mode)),
		chordevent.LookupHopKey.Int(index), m.distance(key),
	))
}

func (m *Member) distance(key chord.ID) attribute.KeyValue {
	return chordevent.LookupDistanceKey.String(m.host.space.Format(m.host.space.Distance(m.self.ID, key)))
}

// choose says on a span whom the member chose to go on with, after so many that did not answer; nil: itself.
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
	if span == nil {
		return
	}
	outcome := chordevent.OutcomeOK
	if err != nil {
		outcome = chordevent.OutcomeFailed
		span.SetStatus(codes.Error, err.Error())
	}
	span.SetAttributes(chordevent.OutcomeKey.String(outcome))
	span.End(trace.WithTimestamp(m.env.Now()))
}
