package kv

import (
	"context"
	"errors"

	"chordconductor/node/chord"
	"chordconductor/node/kv/replication"
	"chordconductor/node/kv/terms"
	"chordconductor/node/store"
)

// unsettle lists a key before a newer version of it is stored. older states that the version held now is known to be
// settled. mu is held.
func (k *Keeper) unsettle(id chord.ID, key string, older bool) *replication.Key {
	if k.unsettled.Full(key) {
		k.unsettled.SettleAll()
		k.requireRecovery()
		k.in.Unsure()
	}
	return k.unsettled.Add(id, key, k.store.Get(id, key), older, !k.needsRecovery)
}

// endWrite notes the end of a write of a key. mu is held.
func (k *Keeper) endWrite(u *replication.Key, r *store.Record, err error) {
	if k.unsettled.End(u, r, k.store.Get(r.ID, r.Key), err == nil) {
		k.unsync()
	}
}

// pruneUnsettled removes keys outside this member's range from the list. mu is held.
func (k *Keeper) pruneUnsettled() {
	own := k.reg.Load()
	k.unsettled.Keep(func(id chord.ID) bool { return own != nil && own.Covers(id) || k.in.Covering(id) != nil })
}

// writeBack sends a version to the replicas, so that it can be read. If they lack even the reserve for it, it stays on
// fewer hosts and is read all the same: otherwise the key could not be read until there is room.
func (k *Keeper) writeBack(ctx context.Context, own terms.Ownership, r *store.Record, operation string) error {
	_, err := k.replicate(ctx, own, r, nil, nil, operation)
	if err != nil && !errors.Is(err, terms.ErrFull) {
		var newer replication.HeldNewer
		if errors.As(err, &newer) {
			k.mu.Lock()
			k.requireRecovery(newer.By) // the next try reads it there
			k.mu.Unlock()
		}
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.unsettled.SettledKey(r, k.store.Get(r.ID, r.Key))
	return nil
}
