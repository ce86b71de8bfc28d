package kv

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/kv/terms"
	"chordconductor/node/nodepb"
	"chordconductor/node/store"
	"chordconductor/node/wire"
	"chordconductor/otel/chordevent"
)

// Orphaned replicas are records outside the member's own range that no owner counts on any more:
// their range was handed off or lost to another owner, or its replicas are now on other hosts. The
// member sends newer versions to the owner, and drops the range when the owner confirms that R
// hosts hold it. Until then it keeps the records, whatever their size.

// dropBatch is how many records are dropped at a time, so that clients need not wait for all.
const dropBatch = 1024

// fresh returns the time for which a member's findings about others remain valid.
func fresh(c Config) time.Duration { return 3 * c.SyncInterval }

// replicaTime returns for how long a member counts as a replica after the owner has last treated it
// as one: longer than the greatest time between two comparisons. For so long a former replica does
// not offer newer versions to the owner.
func (k *Keeper) replicaTime() time.Duration { return 2 * k.cfg.SyncInterval }

// sweepSoon makes the next sweep due at once. mu is held.
func (k *Keeper) sweepSoon() {
	k.sweep, k.sweepGap = time.Time{}, 0
	k.repairDue.Set()
}

// sweepOrphanedReplicas goes once around the circle and returns the number of ranges that could not be dropped yet.
func (k *Keeper) sweepOrphanedReplicas(ctx context.Context) (left int, err error) {
	at, end := k.self.ID, k.self.ID
	if own := k.reg.Load(); own != nil {
		end = own.From
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
			return left + 1, fmt.Errorf("cannot find the owner of an orphaned replica: %w", err)
		}
		// An owner that lacks room for its range does not block the ranges of others.
		dropped, err := k.returnOrphanedReplicas(ctx, own)
		if stopped(err) {
			return left + 1, err
		}
		if !dropped {
			left++
		}
		to := own.Owner.ID
		if !chord.Between(at, to, end) {
			return left, nil
		}
		at = to
	}
}

// ownerOfReplica looks up the present ownership of a point.
func (k *Keeper) ownerOfReplica(ctx context.Context, id chord.ID) (own terms.Ownership, err error) {
	owner, err := k.member.Lookup(ctx, id)
	if err != nil {
		return own, err
	}
	if owner == k.self {
		return own, fmt.Errorf("%w: this member has become the owner of the range", terms.ErrRefused)
	}
	s, err := k.survey(ctx, owner, id, chordevent.SpanRepair)
	if err != nil {
		return own, err
	}
	if s.own == nil || !s.own.Covers(id) {
		return own, fmt.Errorf("%w: %s does not own the range any more", terms.ErrRefused, owner.Addr)
	}
	return *s.own, nil
}

// nextOrphanedReplica finds the first record of (at, end] in an orphaned replica.
func (k *Keeper) nextOrphanedReplica(at, end chord.ID) (id chord.ID, found bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	since := k.env.Now().Add(-k.replicaTime())
	for {
		found = false
		k.store.Ascend(at, end, func(r *store.Record) bool {
			id, found = r.ID, true
			return false
		})
		if !found {
			return id, found
		}
		known, ok := k.own.Table.Covering(id)
		if !ok || known.ReplicaSince.Before(since) || known.ReplicaSince.IsZero() {
			return id, true
		}
		if !chord.Between(at, known.Owner.ID, end) {
			return id, false
		}
		at = known.Owner.ID
	}
}

// returnOrphanedReplicas sends an owner what it lacks of its range, and drops the range if the owner allows.
func (k *Keeper) returnOrphanedReplicas(ctx context.Context, own terms.Ownership) (dropped bool, err error) {
	whole := own.Arc()
	k.mu.Lock()
	before := k.store.Summary(whole.From, whole.To).Digest
	k.mu.Unlock()
	for try, lacking := 0, true; lacking; try++ {
		done, err := k.repairWith(ctx, own.Owner, nil, whole, true)
		if err != nil {
			return false, err
		}
		if lacking = done.Pushed > 0; lacking && try == maxPasses {
			return false, fmt.Errorf("%w: %s still lacks records", terms.ErrRefused, own.Owner.Addr)
		}
	}
	k.mu.Lock()
	k.own.Returned(own.Owner)
	k.mu.Unlock()
	if k.reg.Load() == nil {
		return false, nil // this member may be about to claim the range itself
	}
	a, err := ask(k, ctx, own.Owner, chordevent.SpanRepair, k.cfg.CallLimit, func(keys nodepb.KeysClient, call *nodepb.Call) (*nodepb.DiscardResponse, error) {
		return keys.Discard(ctx, &nodepb.DiscardRequest{Call: call, Ownership: wire.Ownership(own)})
	})
	if err != nil || !a.Granted {
		return false, err
	}
	return k.dropRange(whole, before), nil
}

// dropRange drops a range, unless a record has been added since its digest was taken, or it has become this member's
// own.
func (k *Keeper) dropRange(whole terms.Arc, digest uint64) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	for {
		own := k.reg.Load()
		mine := own != nil && own.Arc().Overlaps(whole) || k.in.Overlapping(whole) != nil
		if mine || k.store.Summary(whole.From, whole.To).Digest != digest {
			return false
		}
		removed := k.store.Cut(whole.From, whole.To, dropBatch)
		for _, r := range removed {
			k.budget.take(-r.Size(), forKeeps)
		}
		if len(removed) < dropBatch {
			return true
		}
		digest = k.store.Summary(whole.From, whole.To).Digest
		k.mu.Unlock() // let other callers in
		k.mu.Lock()
	}
}

// Discard reports whether a member may drop its records of this member's range: it may if R other hosts hold the range
// at one digest, that is if each replica has been compared and has not missed a write since.
func (k *Keeper) Discard(ctx context.Context, q *nodepb.DiscardRequest) (*nodepb.DiscardResponse, error) {
	from, err := wire.ReadPeer(k.space, q.GetCall().GetFrom())
	if err == nil && q.Leaving && q.Held != nil {
		return k.discardOfLeaver(ctx, from, q)
	}
	theirs, err2 := wire.ReadOwnership(k.space, q.Ownership)
	if err = errors.Join(err, err2); err != nil {
		return nil, malformed(err)
	}
	if theirs == nil {
		return nil, malformed(errors.New("a Discard request without an ownership: expected the ownership of the member that takes the records"))
	}
	if q.Leaving { // of version 1
		k.mu.Lock()
		k.learnLeaver(from)
		k.mu.Unlock()
	}
	k.hosts(ctx, k.cfg.Replicas-1) // so that there are as many replicas as possible
	k.mu.Lock()
	defer k.mu.Unlock()
	own := k.reg.Load()
	a := &nodepb.DiscardResponse{Reply: k.member.Reply()}
	a.Granted = own != nil && own.Owner == theirs.Owner && own.Epoch == theirs.Epoch && !k.needsRecovery &&
		k.replicas.On(from) == nil && k.replicas.AllSynced() && k.spared(from, q.Leaving)
	if !a.Granted {
		k.repairDue.Set()
	}
	return a, nil
}

// spared reports whether p may drop its records of this member's range as surplus. If R hosts hold the range, every
// further host is surplus. If fewer are known, only a host that already counts as a replica may drop its records:
// records on any other host show that not all hosts of the range are known here. A leaver's records are surplus too,
// unless some host may still replace the leaver: one not found yet, or unreachable at the moment. mu is held.
func (k *Keeper) spared(p chord.Peer, leaving bool) bool {
	wanted := k.cfg.Replicas - 1
	if !leaving || len(k.replicas) == wanted {
		return k.replicas.Surplus(p, k.self, wanted)
	}
	now := k.env.Now()
	return !k.preference.Open && !slices.ContainsFunc(k.preference.List, func(h chord.Peer) bool {
		return h != p && k.dead.Has(h, now) && !k.leavers.Has(h, now)
	})
}
