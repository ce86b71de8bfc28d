package kv

import (
	"context"

	"chordconductor/node/kv/replication"
	"chordconductor/node/kv/terms"
	"chordconductor/node/store"
	"chordconductor/otel/chordevent"
)

// expireRecords is how many records are examined under one lock.
const expireRecords = 256

// expire processes what is due by time. A value whose TTL has passed is replaced by a tombstone of the same version, on
// every host independently, without a message. A tombstone is forgotten on its owner's order: after its lifetime, when
// all replicas are in sync, so that no older version of the key can come back from one of them.
func (k *Keeper) expire(ctx context.Context) error {
	for {
		now := k.clock.Millis()
		later := now + k.cfg.TombstoneLifetime.Milliseconds()/4 + 1
		k.mu.Lock()
		due := k.store.Due(now, expireRecords)
		own := k.reg.Load()
		forget := own != nil && !k.needsRecovery && k.out.Current() == nil && k.replicas.AllSynced()
		var dead []*store.Record
		for _, r := range due {
			switch {
			case !r.Deleted:
				k.replace(r, k.dated(r))
			case forget && own.Covers(r.ID):
				dead = append(dead, r)
			default:
				waiting := *r
				waiting.Due = later
				k.replace(r, &waiting)
			}
		}
		replicas := k.replicas
		k.mu.Unlock()
		if err := k.forget(ctx, own, replicas, dead, later); err != nil {
			return err
		}
		if len(due) < expireRecords {
			return nil
		}
	}
}

// replace replaces a record by one of the same version. mu is held.
func (k *Keeper) replace(old, next *store.Record) {
	k.budget.take(next.Size()-old.Size(), forKeeps) // not more than before
	k.store.Put(next)
}

// forget drops tombstones at all replicas, then here; if a replica does not answer they stay for a while.
func (k *Keeper) forget(ctx context.Context, own *terms.Ownership, replicas []replication.Replica, dead []*store.Record, later int64) error {
	if len(dead) == 0 {
		return nil
	}
	errs := make([]error, len(replicas))
	if err := k.each(ctx, len(replicas), func(ctx context.Context, i int) {
		errs[i] = k.pushRecords(ctx, replicas[i].Peer, own, nil, dead, chordevent.SpanRepair)
	}); err != nil {
		return err
	}
	agreed := true
	for _, err := range errs {
		agreed = agreed && err == nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, r := range dead {
		if now := k.store.Get(r.ID, r.Key); now != r {
			continue // the key has been written again since
		}
		if agreed && k.reg.Load() == own {
			k.drop(r)
			continue
		}
		waiting := *r
		waiting.Due = later
		k.replace(r, &waiting)
	}
	return nil
}
