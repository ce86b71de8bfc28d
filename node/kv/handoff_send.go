package kv

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"chordconductor/node/chord"
	"chordconductor/node/env"
	"chordconductor/node/kv/handoff"
	"chordconductor/node/kv/terms"
	"chordconductor/node/nodepb"
	"chordconductor/node/store"
	"chordconductor/node/wire"
	"chordconductor/otel/chordevent"
)

// An outgoing is a handoff to another member with what its task needs.
type outgoing struct {
	*handoff.Outgoing
	turn env.Signal // of a leaver's handoff: set when the receiver has requested the release
}

// beginOut begins the outgoing handoff of the range up to a point, the only one. mu is held.
func (k *Keeper) beginOut(receiver chord.Peer, until chord.ID, epoch int64, reason chordevent.MoveReason) *outgoing {
	k.turn = k.env.NewSignal()
	return &outgoing{k.out.Begin(*k.reg.Load(), k.space.Format(k.self.ID), receiver, until, epoch, reason), k.turn}
}

// Claim processes a member's request for its range. If this member owns the claimer's identifier, and no other handoff
// is under way, it begins to hand off.
func (k *Keeper) Claim(ctx context.Context, q *nodepb.ClaimRequest) (*nodepb.ClaimResponse, error) {
	from, err := wire.ReadPeer(k.space, q.GetCall().GetFrom())
	if err != nil || !from.Real() || from.ID == k.self.ID {
		return nil, malformed(fmt.Errorf("Claim request from %q: expected the caller to be another member", from.Addr))
	}
	reason := chordevent.MoveJoin
	if q.Again {
		reason = chordevent.MoveRepair
	}
	a := &nodepb.ClaimResponse{Reply: k.member.Reply()}
	k.mu.Lock()
	k.noteContact(from)
	k.superseded(from)
	own := k.reg.Load()
	var move *outgoing
	switch {
	case own == nil || !own.Covers(from.ID):
		if own != nil && own.From == from.ID {
			k.apply(k.own.Doubt()) // the claimer should own the range below this one, and does not
		}
		if known, ok := k.own.Table.Covering(from.ID); ok {
			a.Owner = wire.Ownership(known.Ownership)
		}
	case k.out.Current() != nil && k.out.Current().Receiver == from:
		a.Accepted = true
	case k.out.Current() != nil || k.in.Some(): // a leaver hands off a joiner's part, too: the joiner may be the only one that stays
		a.Owner = wire.Ownership(*own)
	default:
		a.Accepted = true
		move = k.beginOut(from, from.ID, own.Epoch+1, reason)
	}
	k.mu.Unlock()
	if move != nil {
		err = k.env.Go(ctx, func(ctx context.Context) { _ = k.sendRange(ctx, move) }) // it emits its own events
	}
	return a, err
}

// superseded treats a call from an incarnation of a member as proof that its earlier ones have ended. mu is held.
func (k *Keeper) superseded(p chord.Peer) {
	for _, known := range k.own.Table {
		if known.Owner.ID == p.ID && known.Owner.Incarnation < p.Incarnation {
			k.dead.Add(known.Owner, k.env.Now().Add(k.suspicion()))
			k.reconcileDue.Set()
		}
	}
	k.out.Superseded(p)
}

// sendRange hands off a range, from BEGIN until the receiver has confirmed the COMMIT. After an error this member is
// still responsible. The handoff is given up if it has not been released by its deadline (zero: none).
func (k *Keeper) sendRange(ctx context.Context, m *outgoing) error {
	ctx, span := k.tel.startMove(ctx, moveAttributes(k.space, m.ID, "out", m.Reason, m.Receiver)...)
	k.moved(ctx, m.Event(chordevent.MoveStarted))
	err := k.hand(ctx, m)
	k.tel.endMove(span, err, m.Keys, m.Bytes)
	return err
}

func (k *Keeper) hand(ctx context.Context, m *outgoing) error {
	err := k.transfer(ctx, m)
	k.mu.Lock()
	switch {
	case m.Released: // requested by the receiver, see releaseInTurn
		err = nil
	case err == nil && !k.release(m.Outgoing):
		err = handoff.ErrAborted
	}
	if err != nil {
		k.out.Fail(m.Outgoing)
	}
	k.mu.Unlock()
	if err != nil {
		k.moved(ctx, m.Event(chordevent.MoveFailed))
		if !stopped(err) {
			// Best effort: a receiver that misses this inquires.
			_ = k.step(ctx, m.Outgoing, nodepb.MoveRequest_PHASE_ABORT, nil)
		}
		k.reconcileDue.Set()
		return fmt.Errorf("cannot hand off the range to %s: %w", m.Receiver.Addr, err)
	}
	k.publishRegister(ctx)
	if err := k.commit(ctx, m.Outgoing); err != nil {
		k.moved(ctx, m.Event(chordevent.MoveFailed))
		k.publishRegister(ctx)
		return fmt.Errorf("cannot hand off the range to %s: %w", m.Receiver.Addr, err)
	}
	k.moved(ctx, m.Event(chordevent.MoveDone))
	return nil
}

// transfer sends all records of the range to the receiver. While it runs, writes to the range go there too (follow).
func (k *Keeper) transfer(ctx context.Context, m *outgoing) error {
	held, err := k.begin(ctx, m.Outgoing)
	if err != nil {
		return err
	}
	k.mu.Lock()
	own := k.reg.Load()
	if m.Aborted || own == nil {
		k.mu.Unlock()
		return handoff.ErrAborted
	}
	m.Open = true
	snapshot := k.store.Snapshot() // from here on every write is sent to the receiver separately
	k.mu.Unlock()

	if held > 0 {
		// The receiver has a replica, or had the range before: sending the differences is enough, and the newer version wins.
		done, err := k.reconcile(ctx, m.Receiver, own, m.Arc, true, nil)
		if err != nil && (!done.Full || errors.Is(err, terms.ErrPeerFull)) { // what this host has no room for, the receiver has
			return err
		}
		m.Keys, m.Bytes = int64(done.Pushed), done.Bytes
	} else if err := k.stream(ctx, m, snapshot); err != nil {
		return err
	}
	return k.prepare(ctx, m)
}

// stream sends the snapshot of the range in chunks.
func (k *Keeper) stream(ctx context.Context, m *outgoing, snapshot store.Snapshot) error {
	var chunk []*store.Record
	var size int64
	var err error
	flush := func() bool {
		err = k.step(ctx, m.Outgoing, nodepb.MoveRequest_PHASE_RECORDS, chunk)
		m.Keys, m.Bytes = m.Keys+int64(len(chunk)), m.Bytes+size
		chunk, size = nil, 0
		return err == nil
	}
	snapshot.Ascend(m.From, m.To, func(r *store.Record) bool {
		if len(chunk) > 0 && (size+r.Size() > terms.BatchBytes || len(chunk) == terms.BatchRecords) && !flush() {
			return false
		}
		chunk, size = append(chunk, r), size+r.Size()
		return true
	})
	if err == nil && len(chunk) > 0 {
		flush()
	}
	return err
}

// release makes the receiver responsible. mu is held.
func (k *Keeper) release(m *handoff.Outgoing) bool {
	if !k.out.Release(m, k.reg.Load()) {
		return false
	}
	k.setRegister(m.Left)
	k.own.Table.Bury(m.Grant) // earlier owners there have been superseded by the receiver, too
	k.own.Table.Learn(m.Grant, k.env.Now())
	return true
}

// commit sends the COMMIT until the receiver has taken the range over or is dead. If a leaver's
// receiver is dead, or gives the range up, the leaver owns it again, and commit returns an error.
// If another member's receiver is dead, its range is taken over as any dead owner's is.
func (k *Keeper) commit(ctx context.Context, m *handoff.Outgoing) (err error) {
	for try := 0; try < 3; try++ {
		var a *nodepb.MoveResponse
		a, err = k.moveCall(ctx, m, &nodepb.MoveRequest{Phase: nodepb.MoveRequest_PHASE_COMMIT}, chordevent.SpanKeysMove)
		if err == nil && a.Waits {
			try = -1 // the receiver answers so after a quarter of a call limit, not sooner
			continue
		}
		if err == nil || errors.Is(err, terms.ErrRefused) || stopped(err) {
			break
		}
	}
	k.mu.Lock()
	if m.Reason != chordevent.MoveLeave || !errors.Is(err, terms.ErrRefused) && !errors.Is(err, terms.ErrDead) || !k.takeBack(m) {
		err = nil
	}
	k.out.End(m)
	k.mu.Unlock()
	k.reconcileDue.Set()
	k.repairDue.Set()
	return err
}

// takeBack makes this member the owner again of a range that its receiver has not taken over. If the receiver is dead,
// others may hold what it has written. mu is held.
func (k *Keeper) takeBack(m *handoff.Outgoing) bool {
	again := k.out.TakeBack(m, k.self, k.reg.Load())
	if again == nil {
		return false
	}
	k.own.Table.Forget(m.Receiver)
	k.setRegister(again)
	k.requireRecovery(m.Receiver)
	return true
}

// follow sends a write to the receiver of an open handoff. If the receiver cannot store it, the handoff is given up,
// unless it has been released meanwhile; then the write must not be acknowledged.
func (k *Keeper) follow(ctx context.Context, m *handoff.Outgoing, rec *store.Record, operation string) error {
	a, err := k.moveCall(ctx, m, &nodepb.MoveRequest{
		Phase: nodepb.MoveRequest_PHASE_RECORDS, Records: recordsToWire([]*store.Record{rec}), Write: true,
	}, operation)
	if err == nil {
		return k.readNewer(m.Receiver, a.Newer)
	}
	if stopped(err) {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if m.Released {
		return terms.ErrOvertaken
	}
	k.out.Fail(m)
	return nil
}

func (k *Keeper) step(ctx context.Context, m *handoff.Outgoing, phase nodepb.MoveRequest_Phase, records []*store.Record) error {
	_, err := k.moveCall(ctx, m, &nodepb.MoveRequest{Phase: phase, Records: recordsToWire(records)}, chordevent.SpanKeysMove)
	return err
}

// begin sends the BEGIN and returns how many records of the range the receiver has already.
func (k *Keeper) begin(ctx context.Context, m *handoff.Outgoing) (held int64, err error) {
	a, err := k.moveCall(ctx, m, &nodepb.MoveRequest{Phase: nodepb.MoveRequest_PHASE_BEGIN}, chordevent.SpanKeysMove)
	return a.GetHeld(), err
}

func (k *Keeper) moveCall(ctx context.Context, m *handoff.Outgoing, q *nodepb.MoveRequest, operation string) (*nodepb.MoveResponse, error) {
	k.mu.Lock()
	unheard := k.unheard()
	needsRecovery, may := k.needsRecovery || len(unheard) > 0, m.May(k.env.Now())
	witnesses := wire.Peers(slices.Concat(k.preference.List, unheard, k.sources)) // the receiver takes the last of them
	var unsettled [][]byte
	if q.Phase == nodepb.MoveRequest_PHASE_PREPARE {
		unsettled = k.unsettled.In(m.Arc) // keys added to the list from here on reach the receiver as writes
	}
	var sentKeys, sentBytes, room int64
	if q.Phase == nodepb.MoveRequest_PHASE_BEGIN {
		room = k.store.Summary(m.From, m.To).Bytes
	}
	k.mu.Unlock()
	switch q.Phase {
	case nodepb.MoveRequest_PHASE_COMMIT:
		sentKeys, sentBytes = m.Keys, m.Bytes // only the task that runs the handoff commits
	case nodepb.MoveRequest_PHASE_BEGIN, nodepb.MoveRequest_PHASE_RECORDS, nodepb.MoveRequest_PHASE_PREPARE:
		if may != nil {
			return nil, may
		}
	}
	grant := wire.Ownership(m.Grant)
	a, err := ask(k, ctx, m.Receiver, operation, k.cfg.CallLimit, func(keys nodepb.KeysClient, call *nodepb.Call) (*nodepb.MoveResponse, error) {
		return keys.Move(ctx, &nodepb.MoveRequest{
			Call: call, MoveId: m.ID, Phase: q.Phase, Grant: grant, RangeTo: m.To[:],
			Reason: reasonToWire(m.Reason), Records: q.Records, Write: q.Write, UnsettledKeys: unsettled,
			Keys: sentKeys, Bytes: sentBytes, Room: room, Witnesses: witnesses,
			Unclean: needsRecovery, //lang:ok protobuf field
		})
	})
	if err != nil {
		return nil, err
	}
	switch a.Outcome {
	case nodepb.MoveResponse_OUTCOME_OK:
		return a, nil
	case nodepb.MoveResponse_OUTCOME_EXHAUSTED:
		return nil, fmt.Errorf("%w: on %s", terms.ErrFull, m.Receiver.Addr)
	}
	return nil, fmt.Errorf("%w: %s rejected phase %s of handoff %s", terms.ErrRefused, m.Receiver.Addr, q.Phase, m.ID)
}
