package kv

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.opentelemetry.io/otel/trace"

	"chordconductor/node/chord"
	"chordconductor/node/env"
	"chordconductor/node/kv/terms"
	"chordconductor/node/nodepb"
	"chordconductor/node/store"
	"chordconductor/otel/chordevent"
)

// An incoming is a handoff to this member. The Keeper's mu guards what changes. Until the source has released the
// range, the source is responsible, and this member forwards all reads and writes of the range to it.
type incoming struct {
	terms.Arc
	id     string
	source chord.Peer
	grant  terms.Ownership // what this member owns afterwards
	reason chordevent.MoveReason

	needsRecovery bool
	witnesses     []chord.Peer // of a range that needs recovery: members that may have records besides its source; with it at most maxSources
	prepared      bool         // all records have arrived
	due           bool         // the source may release
	released      bool         // the source has released, or is dead: this member takes the range over in its turn (takeReleased)
	doubtful      bool         // … is dead: others may hold what was written since
	firm          bool         // the source does not take back what it has released: it speaks protocol version 1
	room          int64        // bytes of the budget reserved for records still to come
	unsure        bool         // more keys are unsettled than can be listed
	lastSeen      time.Time
	keys, bytes   int64

	// The receiver's span of the handoff, from the accepted BEGIN until it is done or given up, by whichever call or
	// timeout; the end of the member ends it too. Both are set before the handoff is added to the Keeper, and not changed.
	ctx  context.Context
	span trace.Span

	ended env.Signal // set when it is taken over or given up; assigned before the handoff is added to the Keeper, and not changed
}

var (
	errAnew     = errors.New("its source has begun another handoff")
	errAbandons = errors.New("its source has given it up")
	errEnded    = errors.New("the member has ended")
	errLeaving  = errors.New("the member is about to leave")
)

// handoffReport is an event of an incoming handoff to emit.
type handoffReport struct {
	of    *incoming
	event chordevent.KeysMoved
	err   error // why it failed
}

func (m *incoming) failed(err error) handoffReport {
	return handoffReport{of: m, event: m.event(chordevent.MoveFailed), err: err}
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
	if err := k.checkVersions(m.source.Addr, records, false); err != nil {
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
	k.noteContact(m.source)
	current := k.ins.find(m.id, m.source)
	if current != nil {
		current.lastSeen, current.needsRecovery, current.witnesses = k.env.Now(), m.needsRecovery, m.witnesses
	}
	switch q.Phase {
	case nodepb.MoveRequest_PHASE_BEGIN:
		if m.reason == chordevent.MoveLeave {
			k.learnLeaver(m.source)
		}
		if current == nil {
			known, implausible := k.own.Implausible(m.grant)
			implausible = implausible && !k.own.Asked(m.source, m.grant)
			if implausible {
				_ = k.refuseEpoch(m.source, m.grant, known)
			}
			if implausible || !k.mayTake(m) {
				a.Outcome = nodepb.MoveResponse_OUTCOME_REFUSED
				break
			}
			if !k.keepRoom(m, q.Room) {
				a.Outcome = nodepb.MoveResponse_OUTCOME_EXHAUSTED
				break
			}
			if before := k.ins.from(m.source); before != nil {
				reports = append(reports, k.endIn(before).failed(errAnew))
			}
			k.openIn(ctx, m)
			m.ended, m.firm = k.env.NewSignal(), version1(q.GetCall())
			k.ins = append(k.ins, m)
			reports = append(reports, handoffReport{of: m, event: m.event(chordevent.MoveStarted)})
		}
		a.Held = k.store.Summary(m.From, m.To).Count
	case nodepb.MoveRequest_PHASE_RECORDS:
		if current == nil && !k.hasTaken(m.id) { // a write may still be on its way when the range has been released
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
		if mustWait(current, k.hasTurn(current)) {
			a.Outcome = nodepb.MoveResponse_OUTCOME_REFUSED
			break
		}
		for _, key := range q.UnsettledKeys {
			k.unsettle(k.space.Hash(key), string(key), false)
		}
		current.prepared = true
		current.due = current.due || slices.Contains(k.turns(), current)
		a.Waits = !current.due
	case nodepb.MoveRequest_PHASE_COMMIT:
		switch {
		case k.hasTaken(m.id):
		case current != nil && current.prepared:
			// All that the source has sent in total, by either way, but not more than is held here.
			sum := k.store.Summary(current.From, current.To)
			current.keys, current.bytes = min(m.keys, sum.Count), min(m.bytes, sum.Bytes)
			if current.released = true; current.reason == chordevent.MoveLeave {
				reports = append(reports, k.takeReleased()...)
				released = current
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
		err = fmt.Errorf("handoff in unknown phase %d", q.Phase)
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
func (k *Keeper) openIn(ctx context.Context, m *incoming) {
	_, m.span = k.tel.startMove(ctx, moveAttributes(k.space, m.id, "in", m.reason, m.source)...)
	if k.join.IsValid() && !k.own.Filled() && m.span.SpanContext().TraceID() != k.join.TraceID() {
		m.span.AddLink(trace.Link{SpanContext: k.join})
	}
	m.ctx = trace.ContextWithSpan(context.Background(), m.span)
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
	for len(k.ins) > 0 {
		m := k.endIn(k.ins[0])
		k.tel.endMove(m.span, errEnded, m.keys, m.bytes)
	}
}

// incomingFromWire reads the fields that every message of a handoff has.
func (k *Keeper) incomingFromWire(q *nodepb.MoveRequest) (*incoming, error) {
	source, err := peerFromWire(k.space, q.GetCall().GetFrom())
	if err != nil {
		return nil, err
	}
	grant, err := ownershipFromWire(k.space, q.Grant)
	if err != nil {
		return nil, err
	}
	to, err := idFromWire(k.space, q.RangeTo)
	if err != nil {
		return nil, err
	}
	witnesses, err := realPeers(k.space, q.Witnesses[max(0, len(q.Witnesses)-maxSources+1):])
	if err != nil {
		return nil, err
	}
	witnesses = slices.DeleteFunc(witnesses, func(p chord.Peer) bool { return p.ID == k.self.ID })
	reason, ok := reasonFromWire(q.Reason)
	switch {
	case !source.Real() || source.ID == k.self.ID || !ok || q.MoveId == "" || len(q.MoveId) > maxAddress:
		return nil, fmt.Errorf("handoff %.48q from %q: malformed", q.MoveId, source.Addr)
	case grant == nil || grant.Owner != k.self:
		return nil, fmt.Errorf("handoff %s: addressed to another member, or another incarnation of this one", q.MoveId)
	case !grant.Covers(to):
		return nil, fmt.Errorf("handoff %s: its range is outside the ownership that it grants", q.MoveId)
	}
	return &incoming{
		Arc: terms.Arc{From: grant.From, To: to}, id: q.MoveId, source: source, grant: *grant, reason: reason,
		needsRecovery: q.Unclean, //lang:ok protobuf field
		witnesses:     witnesses, lastSeen: k.env.Now(), keys: max(q.Keys, 0), bytes: max(q.Bytes, 0),
	}, nil
}

// mayTake reports whether a handoff may begin: into an empty register it must end at this member, and otherwise where
// this member's range begins, or, from a leaver, anywhere below that. mu is held.
func (k *Keeper) mayTake(m *incoming) bool {
	own := k.reg.Load()
	others := len(k.ins)
	if before := k.ins.from(m.source); before != nil {
		if before.prepared && before.due {
			return false // a source that begins again has given up the previous handoff, unless that was complete
		}
		others--
	}
	switch {
	case k.ended || k.out != nil:
		return false
	case own == nil:
		return others == 0 && m.To == k.self.ID && !k.leaving
	case m.reason == chordevent.MoveLeave:
		return k.mayTakeOver(m, own, others)
	}
	return others == 0 && m.To == own.From && m.source.ID == own.From && m.grant.Epoch > own.Epoch
}

// takeRecords merges records of the current handoff, or, with nil, of a completed one. write marks them as a client's
// write under way: for these it returns the newer versions held instead. mu is held.
func (k *Keeper) takeRecords(m *incoming, records []*store.Record, write bool) (newer []*nodepb.Version, err error) {
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
			m.keys++
			m.bytes += r.Size()
		}
	}
	if len(records) > 0 && m == nil {
		k.unsync()
	}
	return newer, nil
}

// activate makes this member responsible for the range of a prepared handoff. The caller emits the register and the
// events. mu is held.
func (k *Keeper) activate(m *incoming) handoffReport {
	k.endIn(m)
	own := k.reg.Load()
	next := m.grant
	if own != nil {
		if own.From != m.To {
			return m.failed(terms.ErrOvertaken) // the owner of the range above has changed meanwhile
		}
		next.Epoch = max(next.Epoch, own.Epoch+1)
	}
	if len(k.taken) == maxTaken {
		k.taken = slices.Delete(k.taken, 0, 1)
	}
	k.taken = append(k.taken, m.id)
	k.setRegister(&next)
	if m.needsRecovery || m.unsure {
		k.requireRecovery(append(m.witnesses, m.source)...)
	}
	return handoffReport{of: m, event: m.event(chordevent.MoveDone)}
}

// discardIn gives up an incoming handoff; records that have arrived stay, as orphaned replicas. mu is held.
func (k *Keeper) discardIn(m *incoming, why error) handoffReport {
	k.sweepSoon()
	k.reconcileDue.Set()
	return k.endIn(m).failed(why)
}

// releasedBy processes a request that a source has forwarded after its release like the COMMIT.
func (k *Keeper) releasedBy(ctx context.Context, id string) {
	k.mu.Lock()
	var reports []handoffReport
	if m := k.ins.find(id, chord.Peer{}); m != nil && m.prepared && m.due {
		m.released = true
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
	var silent []*incoming
	for _, m := range k.ins {
		if k.env.Now().Sub(m.lastSeen) >= 2*k.cfg.CallLimit || k.dead.Has(m.source, k.env.Now()) {
			silent = append(silent, m)
		}
	}
	k.mu.Unlock()
	return k.each(ctx, len(silent), func(ctx context.Context, i int) { k.inquire(ctx, silent[i], false) })
}

// inquire asks the source of an incoming handoff for its state, or to release. If the source is dead and all records
// have arrived, this member takes the range over in its turn; otherwise the range is taken over like any dead owner's.
func (k *Keeper) inquire(ctx context.Context, m *incoming, release bool) {
	s, err := k.survey(ctx, m.source, m.To, chordevent.SpanKeysMove, func(q *nodepb.SurveyRequest) { q.MoveId, q.Release = m.id, release })
	if stopped(err) {
		return
	}
	k.mu.Lock()
	var reports []handoffReport
	switch ready := m.prepared && slices.Contains(k.turns(), m); {
	case !slices.Contains(k.ins, m):
	case err == nil && s.move == nodepb.SurveyResponse_MOVE_STATE_ACTIVE:
		m.lastSeen = k.env.Now()
	case err == nil && ready && s.move == nodepb.SurveyResponse_MOVE_STATE_RELEASED:
		m.lastSeen, m.released = k.env.Now(), true
		reports = k.takeReleased()
	case errors.Is(err, terms.ErrDead) && ready:
		// If the source had given up the handoff before it died, others hold what was written since.
		m.lastSeen, m.released, m.doubtful = k.env.Now(), true, true
		reports = k.takeReleased()
	case err != nil && !errors.Is(err, terms.ErrDead):
		m.lastSeen = k.env.Now()
	default:
		if err == nil {
			err = errAbandons
		}
		reports = append(reports, k.discardIn(m, err))
	}
	k.mu.Unlock()
	k.reportIncoming(ctx, reports...)
}
