package keeper

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/nodepb"
	"chordconductor/node/store"
	"chordconductor/otel/chordevent"
)

// Leftovers are records outside the member's own range that no owner counts on any more: of a range given away or lost
// to another owner, or of one whose holders of copies are others by now. The member brings what is newer here to the
// owner, and drops the range when the owner says that R hosts hold it. Until then they are kept, whatever they cost.

// cutRecords is how many records are dropped at a time, so that clients need not wait for all.
const cutRecords = 1024

// fresh is how long the word of an owner that this member holds its copies is good for.
func (k *Keeper) fresh() time.Duration { return 3 * k.cfg.SyncInterval }

// sweepSoon makes the next sweep happen at once. mu is held.
func (k *Keeper) sweepSoon() {
	k.sweep, k.sweepGap = time.Time{}, 0
	k.repairDue.Set()
}

// sweepLeftovers goes once around the circle and returns the number of ranges that could not be dropped yet.
func (k *Keeper) sweepOrphanedReplicas(ctx context.Context) (left int, err error) {
	at, end := k.self.ID, k.self.ID
	if own := k.reg.Load(); own != nil {
		end = own.from
	}
	if at == end && k.Owns(k.self.ID) {
		return 0, nil // the whole circle is its own
	}
	for {
		id, found := k.nextOrphanedReplica(at, end)
		if !found {
			return left, nil
		}
		own, err := k.ownerOfReplica(ctx, id)
		if err != nil {
			return left + 1, fmt.Errorf("owner of leftovers: %w", err)
		}
		// An owner that lacks room for its range does not keep the others from getting theirs.
		dropped, err := k.returnOrphanedReplicas(ctx, own)
		if stopped(err) {
			return left + 1, err
		}
		if !dropped {
			left++
		}
		to := own.owner.ID
		if !chord.Between(at, to, end) {
			return left, nil
		}
		at = to
	}
}

// ownerOfLeftover is the present ownership of a point.
func (k *Keeper) ownerOfReplica(ctx context.Context, id chord.ID) (own ownership, err error) {
	owner, err := k.member.Lookup(ctx, id)
	if err != nil {
		return own, err
	}
	if owner == k.self {
		return own, fmt.Errorf("%w: this member owns the range by now", errRefused)
	}
	s, err := k.survey(ctx, owner, id, chordevent.SpanRepair)
	if err != nil {
		return own, err
	}
	if s.own == nil || !s.own.covers(id) {
		return own, fmt.Errorf("%w: %s does not own the range any more", errRefused, owner.Addr)
	}
	return *s.own, nil
}

// nextLeftover finds the first record of (at, end] that is a leftover.
func (k *Keeper) nextOrphanedReplica(at, end chord.ID) (id chord.ID, found bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	since := k.env.Now().Add(-k.fresh())
	for {
		found = false
		k.store.Ascend(at, end, func(r *store.Record) bool {
			id, found = r.ID, true
			return false
		})
		if !found {
			return id, found
		}
		known, ok := k.owners.covering(id)
		if !ok || known.replicaSince.Before(since) || known.replicaSince.IsZero() {
			return id, true
		}
		if !chord.Between(at, known.owner.ID, end) {
			return id, false
		}
		at = known.owner.ID
	}
}

// settleLeftovers brings what an owner lacks of its range, and drops the range if the owner allows.
func (k *Keeper) returnOrphanedReplicas(ctx context.Context, own ownership) (dropped bool, err error) {
	whole := own.arc()
	k.mu.Lock()
	before := k.store.Summary(whole.from, whole.to).Digest
	k.mu.Unlock()
	for try, lacking := 0, true; lacking; try++ {
		done, err := k.repairWith(ctx, own.owner, nil, whole, true)
		if err != nil {
			return false, err
		}
		if lacking = done.pushed > 0; lacking && try == maxPasses {
			return false, fmt.Errorf("%w: %s still lacks records", errRefused, own.owner.Addr)
		}
	}
	if k.reg.Load() == nil {
		return false, nil // a range claimed anew may be this one
	}
	a, err := ask(k, ctx, own.owner, chordevent.SpanRepair, k.cfg.CallLimit, func(keys nodepb.KeysServer, call *nodepb.Call) (*nodepb.DiscardResponse, error) {
		return keys.Discard(ctx, &nodepb.DiscardRequest{Call: call, Ownership: ownershipToWire(own)})
	})
	if err != nil || !a.Granted {
		return false, err
	}
	return k.cut(whole, before), nil
}

// cut drops a range, unless something has come into it since its digest was taken, or it has become this member's own.
func (k *Keeper) cut(whole arc, digest uint64) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	for {
		own := k.reg.Load()
		mine := own != nil && own.arc().overlaps(whole) || k.ins.overlapping(whole) != nil
		if mine || k.store.Summary(whole.from, whole.to).Digest != digest {
			return false
		}
		cut := k.store.Cut(whole.from, whole.to, cutRecords)
		for _, r := range cut {
			k.budget.take(-r.Size(), forKeeps)
		}
		if len(cut) < cutRecords {
			return true
		}
		digest = k.store.Summary(whole.from, whole.to).Digest
		k.mu.Unlock() // let others in
		k.mu.Lock()
	}
}

// Discard says whether a member may drop its copy of this one's range: if R other hosts hold it at one digest, which a
// holder of copies does that has been compared and has not missed a write since.
func (k *Keeper) Discard(ctx context.Context, q *nodepb.DiscardRequest) (*nodepb.DiscardResponse, error) {
	from, err := peerFromWire(k.space, q.GetCall().GetFrom())
	if err == nil && q.Leaving && q.Held != nil {
		return k.discardOfLeaver(ctx, from, q)
	}
	theirs, err2 := ownershipFromWire(k.space, q.Ownership)
	if err = errors.Join(err, err2); err != nil {
		return nil, malformed(err)
	}
	if theirs == nil {
		return nil, malformed(fmt.Errorf("question whether to drop a range: malformed"))
	}
	if q.Leaving { // of version 1
		k.mu.Lock()
		k.learnLeaver(from)
		k.mu.Unlock()
	}
	k.hosts(ctx, k.cfg.Replicas-1) // so that the holders are as many as there can be
	k.mu.Lock()
	defer k.mu.Unlock()
	own := k.reg.Load()
	a := &nodepb.DiscardResponse{Reply: k.member.Reply()}
	a.Granted = own != nil && own.owner == theirs.owner && own.epoch == theirs.epoch && !k.needsRecovery &&
		k.replicaOn(from) == nil && k.allSynced() && k.spared(from, q.Leaving)
	if !a.Granted {
		k.repairDue.Set()
	}
	return a, nil
}

// allSynced reports whether all holders of copies there are hold the range. mu is held.
func (k *Keeper) allSynced() bool {
	return !slices.ContainsFunc(k.replicas, func(h replica) bool { return !h.synced })
}

// spared reports whether a member's copy is one too many. With R hosts that hold the range any further one is. Where
// fewer are known, it is that of a host which counts already; one of any other host shows that not all hosts are known
// here. A leaver's counts no more, unless there may be a host that could hold it instead: one not found yet, or out of
// reach for the moment. mu is held.
func (k *Keeper) spared(p chord.Peer, leaving bool) bool {
	switch {
	case len(k.replicas) == k.cfg.Replicas-1:
		return true
	case leaving:
		now := k.env.Now()
		return !k.preference.open && !slices.ContainsFunc(k.preference.list, func(h chord.Peer) bool {
			return h != p && hasLapsed(k.dead, h, now) && !hasLapsed(k.leavers, h, now)
		})
	}
	return p.Addr == k.self.Addr || slices.ContainsFunc(k.replicas, func(h replica) bool { return h.peer.Addr == p.Addr })
}
