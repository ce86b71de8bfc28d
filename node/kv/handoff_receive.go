package kv

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.opentelemetry.io/otel/trace"

	"chordconductor/node/chord"
	"chordconductor/node/env"
	"chordconductor/node/kv/handoff"
	"chordconductor/node/kv/terms"
	"chordconductor/node/nodepb"
	"chordconductor/node/store"
	"chordconductor/node/wire"
	"chordconductor/otel/chordevent"
)

// An incoming is a handoff to this member with what its calls need. None of it changes once it has begun.
type incoming struct {
	*handoff.Incoming

	// The receiver's span of the handoff, from the accepted BEGIN until it is done or given up, by whichever call or
	// timeout; the end of the member ends it too.
	ctx  context.Context
	span trace.Span

	ended env.Signal // set when it is taken over or given up
}

var (
	errAnew     = errors.New("the sending member has begun another handoff of the range")
	errAbandons = errors.New("the sending member has abandoned the handoff")
	errEnded    = errors.New("the receiving member stopped before the handoff was complete")
	errLeaving  = errors.New("the receiving member is about to leave")
)

// handoffReport is an event of an incoming handoff to emit.
type handoffReport struct {
	of    *incoming
	event chordevent.KeysMoved
	err   error // why it failed
}

func (m *incoming) failed(err error) handoffReport {
	return handoffReport{of: m, event: m.Event(chordevent.MoveFailed), err: err}
}

// Move processes one step of a handoff to this member.
func (k *Keeper) Move(ctx context.Context, q *nodepb.MoveRequest) (*nodepb.MoveResponse, error) {
	m, err := k.incomingFromWire(q)
	if err != nil {
		return nil, malformed(err)
	}
	records, err := recordsFromWire(k.space, q.Records)
	if err != nil {
		return nil, malformed(err)
	}
	for _, r := range records {
		if !m.Covers(r.ID) {
			return nil, malformed(fmt.Errorf("record of %q is outside the range of the handoff", r.Key))
		}
	}
	if err := k.checkVersions(m.Source.Addr, records, false); err != nil {
		return nil, malformed(err)
	}
	for _, key := range q.UnsettledKeys {
		if len(key) == 0 || len(key) > MaxKey || !m.Covers(k.space.Hash(key)) {
			return nil, malformed(fmt.Errorf("unsettled key %.64q is outside the range of the handoff", key))
		}
	}
	a := &nodepb.MoveResponse{Reply: k.member.Reply(), Outcome: nodepb.MoveResponse_OUTCOME_OK}
	var reports []handoffReport
	var released *incoming // waits for its turn
	k.mu.Lock()
	k.noteContact(m.Source)
	current := k.in.Find(m.ID, m.Source)
	if current != nil {
		current.LastSeen, current.NeedsRecovery, current.Witnesses = k.env.Now(), m.NeedsRecovery, m.Witnesses
	}
	switch q.Phase {
	case nodepb.MoveRequest_PHASE_BEGIN:
		if m.Reason == chordevent.MoveLeave {
			k.learnLeaver(m.Source)
		}
		if current == nil {
			known, implausible := k.own.Implausible(m.Grant)
			implausible = implausible && !k.own.Asked(m.Source, m.Grant)
			if implausible {
				_ = k.refuseEpoch(m.Source, m.Grant, known)
			}
			if implausible || k.ended || k.out.Current() != nil || !k.in.MayBegin(m, k.reg.Load(), k.stance()) {
				a.Outcome = nodepb.MoveResponse_OUTCOME_REFUSED
				break
			}
			if !k.keepRoom(m, q.Room) {
				a.Outcome = nodepb.MoveResponse_OUTCOME_EXHAUSTED
				break
			}
			if before := k.in.From(m.Source); before != nil {
				reports = append(reports, k.endIn(before).failed(errAnew))
			}
			m.Firm = version1(q.GetCall())
			k.in.Begin(m)
			reports = append(reports, handoffReport{of: k.openIn(ctx, m), event: m.Event(chordevent.MoveStarted)})
		}
		a.Held = k.store.Summary(m.From, m.To).Count
	case nodepb.MoveRequest_PHASE_RECORDS:
		if current == nil && !k.in.HasTaken(m.ID) { // a write may still be on its way when the range has been released
			a.Outcome = nodepb.MoveResponse_OUTCOME_UNKNOWN
			break
		}
		if a.Newer, err = k.takeRecords(current, records, q.Write); err == terms.ErrFull {
			a.Outcome, err = nodepb.MoveResponse_OUTCOME_EXHAUSTED, nil
		}
	case nodepb.MoveRequest_PHASE_PREPARE:
		if current == nil {
			a.Outcome = nodepb.MoveResponse_OUTCOME_UNKNOWN
			break
		}
		if mustWait(current, k.in.HasTurn(current, k.reg.Load())) {
			a.Outcome = nodepb.MoveResponse_OUTCOME_REFUSED
			break
		}
		for _, key := range q.UnsettledKeys {
			k.unsettle(k.space.Hash(key), string(key), false)
		}
		a.Waits = k.in.Prepare(current, k.reg.Load())
	case nodepb.MoveRequest_PHASE_COMMIT:
		switch {
		case k.in.HasTaken(m.ID):
		case current != nil && current.Prepared:
			// All that the source has sent in total, by either way, but not more than is held here.
			sum := k.store.Summary(current.From, current.To)
			current.Keys, current.Bytes = min(m.Keys, sum.Count), min(m.Bytes, sum.Bytes)
			if current.Released = true; current.Reason == chordevent.MoveLeave {
				released = k.calls[current]
				reports = append(reports, k.takeReleased()...)
			} else {
				reports = append(reports, k.activate(current))
			}
		default:
			a.Outcome = nodepb.MoveResponse_OUTCOME_UNKNOWN
		}
	case nodepb.MoveRequest_PHASE_ABORT:
		if current != nil {
			reports = append(reports, k.discardIn(current, errAbandons))
		}
	default:
		err = fmt.Errorf("handoff %.48q: unknown phase %d", q.MoveId, q.Phase)
	}
	k.mu.Unlock()
	if err != nil {
		return nil, malformed(err)
	}
	k.reportIncoming(ctx, reports...)
	k.startTurns(ctx)
	if released != nil {
		taken, waits, reports := k.awaitTurn(released)
		k.reportIncoming(ctx, reports...)
		if a.Waits = waits; !taken && !waits {
			a.Outcome = nodepb.MoveResponse_OUTCOME_UNKNOWN
		}
	}
	return a, nil
}

// openIn starts the span of an incoming handoff, within the call that begins it. The span outlasts that call. If the
// join that it belongs to has waited too long to have it in its trace, the span links to the join. mu is held.
func (k *Keeper) openIn(ctx context.Context, of *handoff.Incoming) *incoming {
	m := &incoming{Incoming: of, ended: k.env.NewSignal()}
	k.calls[of] = m
	_, m.span = k.tel.startMove(ctx, moveAttributes(k.space, m.ID, "in", m.Reason, m.Source)...)
	if k.join.IsValid() && !k.own.Filled() && m.span.SpanContext().TraceID() != k.join.TraceID() {
		m.span.AddLink(trace.Link{SpanContext: k.join})
	}
	m.ctx = trace.ContextWithSpan(context.Background(), m.span)
	return m
}

// reportIncoming emits the events of incoming handoffs, and the register, which may have changed with them. A handoff
// that is done or given up ends its span.
func (k *Keeper) reportIncoming(ctx context.Context, reports ...handoffReport) {
	for _, n := range reports {
		ctx = n.of.ctx
	}
	k.publishRegister(ctx)
	for _, n := range reports {
		k.moved(n.of.ctx, n.event)
		if n.event.Phase != chordevent.MoveStarted {
			k.tel.endMove(n.of.span, n.err, n.event.Keys, n.event.Bytes)
		}
	}
}

// closeIn ends the spans of handoffs that are open when the member ends. A call still under way starts none, and ends
// none again.
func (k *Keeper) closeIn() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ended = true
	defer k.empty()
	for k.in.Some() {
		m := k.endIn(k.in.All()[0])
		k.tel.endMove(m.span, errEnded, m.Keys, m.Bytes)
	}
}

// incomingFromWire reads the fields that every message of a handoff has.
func (k *Keeper) incomingFromWire(q *nodepb.MoveRequest) (*handoff.Incoming, error) {
	source, err := wire.ReadPeer(k.space, q.GetCall().GetFrom())
	if err != nil {
		return nil, err
	}
	grant, err := wire.ReadOwnership(k.space, q.Grant)
	if err != nil {
		return nil, err
	}
	to, err := wire.ReadID(k.space, q.RangeTo)
	if err != nil {
		return nil, err
	}
	witnesses, err := wire.ReadReal(k.space, q.Witnesses[max(0, len(q.Witnesses)-maxSources+1):])
	if err != nil {
		return nil, err
	}
	witnesses = slices.DeleteFunc(witnesses, func(p chord.Peer) bool { return p.ID == k.self.ID })
	reason, ok := reasonFromWire(q.Reason)
	switch {
	case !source.Real() || source.ID == k.self.ID || !ok || q.MoveId == "" || len(q.MoveId) > wire.MaxText:
		return nil, fmt.Errorf("handoff %.48q from %q: malformed sender, reason or handoff ID", q.MoveId, source.Addr)
	case grant == nil || grant.Owner != k.self:
		return nil, fmt.Errorf("handoff %s: it grants the range to another member, or another incarnation of this one", q.MoveId)
	case !grant.Covers(to):
		return nil, fmt.Errorf("handoff %s: its range is outside the ownership that it grants", q.MoveId)
	}
	return &handoff.Incoming{
		Arc: terms.Arc{From: grant.From, To: to}, ID: q.MoveId, Source: source, Grant: *grant, Reason: reason,
		NeedsRecovery: q.Unclean, //lang:ok protobuf field
		Witnesses:     witnesses, LastSeen: k.env.Now(), Keys: max(q.Keys, 0), Bytes: max(q.Bytes, 0),
	}, nil
}

// takeRecords merges records of the current handoff, or, with nil, of a completed one. write marks them as a client's
// write under way: for these it returns the newer versions held instead. mu is held.
func (k *Keeper) takeRecords(m *handoff.Incoming, records []*store.Record, write bool) (newer []*nodepb.Version, err error) {
	for _, r := range records {
		if held := k.store.Get(r.ID, r.Key); write && held != nil && held.Newer(r) {
			newer = append(newer, versionToWire(held))
		}
		if write {
			k.unsettle(r.ID, r.Key, false)
		}
		if m != nil {
			k.useRoom(m, r)
		}
		stored, err := k.merge(r, forKeeps)
		if err != nil {
			return newer, err
		}
		if stored && m != nil {
			m.Keys++
			m.Bytes += r.Size()
		}
	}
	if len(records) > 0 && m == nil {
		k.unsync()
	}
	return newer, nil
}

// activate makes this member responsible for the range of a prepared handoff. The caller emits the register and the
// events. mu is held.
func (k *Keeper) activate(m *handoff.Incoming) handoffReport {
	call := k.endIn(m)
	next := k.in.Take(m, k.reg.Load())
	if next == nil {
		return call.failed(terms.ErrOvertaken)
	}
	k.setRegister(next)
	if m.NeedsRecovery || m.Unsure {
		k.requireRecovery(append(m.Witnesses, m.Source)...)
	}
	return handoffReport{of: call, event: m.Event(chordevent.MoveDone)}
}

// discardIn gives up an incoming handoff; records that have arrived stay, as orphaned replicas. mu is held.
func (k *Keeper) discardIn(m *handoff.Incoming, why error) handoffReport {
	k.sweepSoon()
	k.reconcileDue.Set()
	return k.endIn(m).failed(why)
}

// releasedBy processes a request that a source has forwarded after its release like the COMMIT.
func (k *Keeper) releasedBy(ctx context.Context, id string) {
	k.mu.Lock()
	var reports []handoffReport
	if m := k.in.Find(id, chord.Peer{}); m != nil && m.Prepared && m.Due {
		m.Released = true
		reports = k.takeReleased()
	}
	k.mu.Unlock()
	if len(reports) > 0 {
		k.reportIncoming(ctx, reports...)
		k.startTurns(ctx)
	}
}

// watchIn inquires about incoming handoffs whose sources are silent.
func (k *Keeper) watchIn(ctx context.Context) error {
	k.mu.Lock()
	silent := k.in.Silent(k.dead, k.env.Now(), 2*k.cfg.CallLimit)
	k.mu.Unlock()
	return k.each(ctx, len(silent), func(ctx context.Context, i int) { k.inquire(ctx, silent[i], false) })
}

// inquire asks the source of an incoming handoff for its state, or to release. If the source is dead and all records
// have arrived, this member takes the range over in its turn; otherwise the range is taken over like any dead owner's.
func (k *Keeper) inquire(ctx context.Context, m *handoff.Incoming, release bool) {
	s, err := k.survey(ctx, m.Source, m.To, chordevent.SpanKeysMove, func(q *nodepb.SurveyRequest) { q.MoveId, q.Release = m.ID, release })
	if stopped(err) {
		return
	}
	k.mu.Lock()
	var reports []handoffReport
	switch ready := m.Prepared && k.in.MayRelease(m, k.reg.Load()); {
	case !k.in.Has(m):
	case err == nil && s.move == nodepb.SurveyResponse_MOVE_STATE_ACTIVE:
		m.LastSeen = k.env.Now()
	case err == nil && ready && s.move == nodepb.SurveyResponse_MOVE_STATE_RELEASED:
		m.LastSeen, m.Released = k.env.Now(), true
		reports = k.takeReleased()
	case errors.Is(err, terms.ErrDead) && ready:
		// If the source had given up the handoff before it died, others hold what was written since.
		m.LastSeen, m.Released, m.Doubtful = k.env.Now(), true, true
		reports = k.takeReleased()
	case err != nil && !errors.Is(err, terms.ErrDead):
		m.LastSeen = k.env.Now()
	default:
		if err == nil {
			err = errAbandons
		}
		reports = append(reports, k.discardIn(m, err))
	}
	k.mu.Unlock()
	k.reportIncoming(ctx, reports...)
}
