package keeper

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.opentelemetry.io/otel/trace"

	"chordconductor/node/chord"
	"chordconductor/node/env"
	"chordconductor/node/nodepb"
	"chordconductor/node/store"
	"chordconductor/otel/chordevent"
)

// An incoming is a range on its way to this member. The keeper's mu guards what changes. Until the source has released
// it, the source is responsible, and all reads and writes of the range are passed on to it.
type incoming struct {
	arc
	id     string
	source chord.Peer
	grant  ownership // what this member owns afterwards
	reason chordevent.MoveReason

	unclean     bool
	witnesses   []chord.Peer // of an unclean range: who may have records beside its source; with it at most maxSources
	prepared    bool         // everything is here
	due         bool         // the source knows that it may release
	released    bool         // the source has released, or is dead: the range is this member's in its turn (takeReleased)
	doubtful    bool         // … is dead: others may hold what was written since
	firm        bool         // the source does not take back what it has released: it speaks version 1
	room        int64        // bytes of the budget that are kept for what is still to come
	unsure      bool         // more keys are unsettled than can be listed
	heard       time.Time
	keys, bytes int64

	// The receiver's side of the move as a span, from the beginning that is agreed to until it is done or given up, by
	// whichever call or silence that comes; the member's end ends it too.
	// Both are set before the move is the keeper's, and not changed.
	ctx  context.Context
	span trace.Span

	ended env.Signal // set when it is taken over or given up; set before the move is the keeper's, and not changed
}

var (
	errAnew     = errors.New("its source has begun anew")
	errAbandons = errors.New("its source has given it up")
	errEnded    = errors.New("the member has ended")
	errLeaving  = errors.New("the member is about to leave")
)

// moveNews is what there is to tell of an incoming move.
type moveNews struct {
	of    *incoming
	event chordevent.KeysMoved
	err   error // why it failed
}

func (m *incoming) failed(err error) moveNews {
	return moveNews{of: m, event: m.event(chordevent.MoveFailed), err: err}
}

// Move takes one step of a handover to this member.
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
		if !m.covers(r.ID) {
			return nil, malformed(fmt.Errorf("record of %q is not in the range that moves", r.Key))
		}
	}
	if err := k.believe(m.source.Addr, records, false); err != nil {
		return nil, malformed(err)
	}
	for _, key := range q.UnsettledKeys {
		if len(key) == 0 || len(key) > MaxKey || !m.covers(k.space.Hash(key)) {
			return nil, malformed(fmt.Errorf("unsettled key %.64q is not in the range that moves", key))
		}
	}
	a := &nodepb.MoveResponse{Reply: k.member.Reply(), Outcome: nodepb.MoveResponse_OUTCOME_OK}
	var news []moveNews
	var released *incoming // waits for its turn
	k.mu.Lock()
	k.noteContact(m.source)
	current := k.ins.find(m.id, m.source)
	if current != nil {
		current.heard, current.unclean, current.witnesses = k.env.Now(), m.unclean, m.witnesses
	}
	switch q.Phase {
	case nodepb.MoveRequest_PHASE_BEGIN:
		if m.reason == chordevent.MoveLeave {
			k.learnLeaver(m.source)
		}
		if current == nil {
			known, implausible := k.implausible(m.grant)
			implausible = implausible && !k.asked(m)
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
				news = append(news, k.endIn(before).failed(errAnew))
			}
			k.openIn(ctx, m)
			m.ended, m.firm = k.env.NewSignal(), version1(q.GetCall())
			k.ins = append(k.ins, m)
			news = append(news, moveNews{of: m, event: m.event(chordevent.MoveStarted)})
		}
		a.Held = k.store.Summary(m.from, m.to).Count
	case nodepb.MoveRequest_PHASE_RECORDS:
		if current == nil && !k.hasTaken(m.id) { // a write may still be on its way when the range has been released
			a.Outcome = nodepb.MoveResponse_OUTCOME_UNKNOWN
			break
		}
		if a.Newer, err = k.takeRecords(current, records, q.Write); err == errFull {
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
			// What the source has brought in all, however it came: not more than is here.
			sum := k.store.Summary(current.from, current.to)
			current.keys, current.bytes = min(m.keys, sum.Count), min(m.bytes, sum.Bytes)
			if current.released = true; current.reason == chordevent.MoveLeave {
				news = append(news, k.takeReleased()...)
				released = current
			} else {
				news = append(news, k.activate(current))
			}
		default:
			a.Outcome = nodepb.MoveResponse_OUTCOME_UNKNOWN
		}
	case nodepb.MoveRequest_PHASE_ABORT:
		if current != nil {
			news = append(news, k.discardIn(current, errAbandons))
		}
	default:
		err = fmt.Errorf("move in unknown phase %d", q.Phase)
	}
	k.mu.Unlock()
	if err != nil {
		return nil, malformed(err)
	}
	k.reportIncoming(ctx, news...)
	k.startTurns(ctx)
	if released != nil {
		taken, waits, news := k.awaitTurn(released)
		k.reportIncoming(ctx, news...)
		if a.Waits = waits; !taken && !waits {
			a.Outcome = nodepb.MoveResponse_OUTCOME_UNKNOWN
		}
	}
	return a, nil
}

// openIn starts the span of an incoming move, within the call that begins it. It outlives that call. If the join that it
// is for has waited too long to have it in its trace, the span links to that. mu is held.
func (k *Keeper) openIn(ctx context.Context, m *incoming) {
	_, m.span = k.tel.startMove(ctx, moveAttributes(k.space, m.id, "in", m.reason, m.source)...)
	if k.join.IsValid() && !k.owned && m.span.SpanContext().TraceID() != k.join.TraceID() {
		m.span.AddLink(trace.Link{SpanContext: k.join})
	}
	m.ctx = trace.ContextWithSpan(context.Background(), m.span)
}

// tellIn tells what has become of an incoming move, and of the register, which may have changed with it. A move that is
// done or given up ends its span.
func (k *Keeper) reportIncoming(ctx context.Context, news ...moveNews) {
	for _, n := range news {
		ctx = n.of.ctx
	}
	k.publishRegister(ctx)
	for _, n := range news {
		k.moved(n.of.ctx, n.event)
		if n.event.Phase != chordevent.MoveStarted {
			k.tel.endMove(n.of.span, n.err, n.event.Keys, n.event.Bytes)
		}
	}
}

// closeIn ends the span of a move that is still open when the member ends. A call that is still on its way begins none,
// and ends none again.
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

// incomingFromWire reads what every message of a move says.
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
		return nil, fmt.Errorf("move %.48q from %q: malformed", q.MoveId, source.Addr)
	case grant == nil || grant.owner != k.self:
		return nil, fmt.Errorf("move %s is meant for another member, or another life of this one", q.MoveId)
	case !grant.covers(to):
		return nil, fmt.Errorf("move %s: the range is not in what it grants", q.MoveId)
	}
	return &incoming{
		arc: arc{grant.from, to}, id: q.MoveId, source: source, grant: *grant, reason: reason,
		unclean: q.Unclean, witnesses: witnesses, heard: k.env.Now(), keys: max(q.Keys, 0), bytes: max(q.Bytes, 0),
	}, nil
}

// mayTake judges whether a move may begin: into an empty register it must end at this member, and otherwise where this
// member's range begins, or, from a leaver, anywhere below that. mu is held.
func (k *Keeper) mayTake(m *incoming) bool {
	own := k.reg.Load()
	others := len(k.ins)
	if before := k.ins.from(m.source); before != nil {
		if before.prepared && before.due {
			return false // a source that begins anew has given up the one before, unless it was complete
		}
		others--
	}
	switch {
	case k.ended || k.out != nil:
		return false
	case own == nil:
		return others == 0 && m.to == k.self.ID && !k.leaving
	case m.reason == chordevent.MoveLeave:
		return k.mayTakeOver(m, own, others)
	}
	return others == 0 && m.to == own.from && m.source.ID == own.from && m.grant.epoch > own.epoch
}

// takeRecords merges records of the current move, or, with nil, of one that is over. write says that they are a client's
// write under way: of these it returns what is held instead, since it is newer. mu is held.
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

// activate makes this member responsible for the range of a prepared move. The caller tells the register and the
// events. mu is held.
func (k *Keeper) activate(m *incoming) moveNews {
	k.endIn(m)
	own := k.reg.Load()
	next := m.grant
	if own != nil {
		if own.from != m.to {
			return m.failed(errOvertaken) // the range above has changed hands meanwhile
		}
		next.epoch = max(next.epoch, own.epoch+1)
	}
	if len(k.taken) == maxTaken {
		k.taken = slices.Delete(k.taken, 0, 1)
	}
	k.taken = append(k.taken, m.id)
	k.setRegister(&next)
	if m.unclean || m.unsure {
		k.requireRecovery(append(m.witnesses, m.source)...)
	}
	return moveNews{of: m, event: m.event(chordevent.MoveDone)}
}

// discardIn gives up an incoming move; what has come stays as copies. mu is held.
func (k *Keeper) discardIn(m *incoming, why error) moveNews {
	k.sweepSoon()
	k.reconcileDue.Set()
	return k.endIn(m).failed(why)
}

// releasedBy takes a request that a source has passed on after its release for the commit.
func (k *Keeper) releasedBy(ctx context.Context, id string) {
	k.mu.Lock()
	var news []moveNews
	if m := k.ins.find(id, chord.Peer{}); m != nil && m.prepared && m.due {
		m.released = true
		news = k.takeReleased()
	}
	k.mu.Unlock()
	if len(news) > 0 {
		k.reportIncoming(ctx, news...)
		k.startTurns(ctx)
	}
}

// watchIn looks after incoming moves whose sources are silent.
func (k *Keeper) watchIn(ctx context.Context) error {
	k.mu.Lock()
	var silent []*incoming
	for _, m := range k.ins {
		if k.env.Now().Sub(m.heard) >= 2*k.cfg.CallLimit || hasLapsed(k.dead, m.source, k.env.Now()) {
			silent = append(silent, m)
		}
	}
	k.mu.Unlock()
	return k.each(ctx, len(silent), func(ctx context.Context, i int) { k.inquire(ctx, silent[i], false) })
}

// inquire asks the source of an incoming move whether it still goes on, has released, or is dead; or to release. A dead
// source leaves this member responsible in its turn if everything is here; else its range is taken over like any dead
// owner's.
func (k *Keeper) inquire(ctx context.Context, m *incoming, release bool) {
	s, err := k.survey(ctx, m.source, m.to, chordevent.SpanKeysMove, func(q *nodepb.SurveyRequest) { q.MoveId, q.Release = m.id, release })
	if stopped(err) {
		return
	}
	k.mu.Lock()
	var news []moveNews
	switch ready := m.prepared && slices.Contains(k.turns(), m); {
	case !slices.Contains(k.ins, m):
	case err == nil && s.move == nodepb.SurveyResponse_MOVE_STATE_ACTIVE:
		m.heard = k.env.Now()
	case err == nil && ready && s.move == nodepb.SurveyResponse_MOVE_STATE_RELEASED:
		m.heard, m.released = k.env.Now(), true
		news = k.takeReleased()
	case errors.Is(err, errDead) && ready:
		// Should the source have given up the move before it died, others hold what was written since.
		m.heard, m.released, m.doubtful = k.env.Now(), true, true
		news = k.takeReleased()
	case err != nil && !errors.Is(err, errDead):
		m.heard = k.env.Now()
	default:
		if err == nil {
			err = errAbandons
		}
		news = append(news, k.discardIn(m, err))
	}
	k.mu.Unlock()
	k.reportIncoming(ctx, news...)
}
