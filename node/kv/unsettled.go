package kv

import (
	"context"
	"errors"
	"maps"
	"slices"

	"chordconductor/node/chord"
	"chordconductor/node/kv/terms"
	"chordconductor/node/store"
)

// A version that an owner holds is settled when R hosts hold it, or all hosts that can. Only settled versions are read:
// otherwise a get could return a value that the owner's crash then undoes. What is held of the owner's range is
// settled, with two exceptions: all of it may be unsettled while the range needs recovery (see readRepair), and single
// keys are while a write of them is under way, after a write that has failed, and after a version has come from
// elsewhere. Those are listed here.
//
// A get of such a key returns the previous settled version, if that is known: no get has returned the newer one. If it
// is not known, the get settles the newer version itself, by sending it to the replicas.

const (
	// maxUnsettled bounds the list, except for writes under way. At the bound the range is marked as needing recovery,
	// which covers all its keys, and the list starts again.
	maxUnsettled = 1024
	// maxOlder bounds the bytes of the versions kept beside newer ones. At the bound none are kept: gets settle the newer.
	maxOlder = 4 << 20
)

// unsettled is one key of the list. The Keeper's mu guards it.
type unsettled struct {
	id      chord.ID
	running int           // writes under way
	known   bool          // whether older is the latest settled version
	older   *store.Record // nil: none
}

// unsettle lists a key before a newer version of it is stored. older states that the version held now is known to be
// settled. mu is held.
func (k *Keeper) unsettle(id chord.ID, key string, older bool) *unsettled {
	u := k.unsettled[key]
	switch {
	case u == nil:
		if len(k.unsettled) >= maxUnsettled {
			k.settleAll()
			k.requireRecovery()
			for _, m := range k.ins {
				m.unsure = true
			}
		}
		u = &unsettled{id: id}
		k.unsettled[key] = u
		if older && !k.needsRecovery {
			k.keepOlder(u, k.store.Get(id, key))
		}
	case !older && u.known:
		k.forgetOlder(u)
	}
	return u
}

func (k *Keeper) keepOlder(u *unsettled, r *store.Record) {
	k.forgetOlder(u)
	if k.olderBytes+r.Size() <= maxOlder {
		k.olderBytes += r.Size()
		u.known, u.older = true, r
	}
}

func (k *Keeper) forgetOlder(u *unsettled) {
	k.olderBytes -= u.older.Size()
	u.known, u.older = false, nil
}

// settled notes that R hosts hold a version. mu is held.
func (k *Keeper) settled(u *unsettled, r *store.Record) {
	switch {
	case k.unsettled[r.Key] != u:
	case u.running == 0 && k.store.Get(u.id, r.Key).Same(r):
		k.unlist(r.Key, u)
	case !u.known || r.Newer(u.older):
		k.keepOlder(u, r)
	}
}

// endWrite notes the end of a write of a key. mu is held.
func (k *Keeper) endWrite(u *unsettled, r *store.Record, err error) {
	u.running--
	switch {
	case err == nil:
		k.settled(u, r)
	case k.unsettled[r.Key] == u:
		k.unsync()
	}
	if u.running == 0 && u.known && k.unsettled[r.Key] == u && k.store.Get(u.id, r.Key).Same(u.older) {
		k.unlist(r.Key, u)
	}
}

func (k *Keeper) unlist(key string, u *unsettled) {
	k.forgetOlder(u)
	delete(k.unsettled, key)
}

// settleAll empties the list, except for writes under way: all that is held of the range has been compared with the
// replicas. mu is held.
func (k *Keeper) settleAll() {
	for key, u := range k.unsettled {
		if u.running == 0 {
			k.unlist(key, u)
		}
	}
}

// pruneUnsettled removes keys outside this member's range from the list. mu is held.
func (k *Keeper) pruneUnsettled() {
	own := k.reg.Load()
	for key, u := range k.unsettled {
		if (own == nil || !own.Covers(u.id)) && k.ins.covering(u.id) == nil {
			k.unlist(key, u)
		}
	}
}

// unsettledIn lists the unsettled keys of an arc, in order. mu is held.
func (k *Keeper) unsettledIn(a terms.Arc) (keys [][]byte) {
	for _, key := range slices.Sorted(maps.Keys(k.unsettled)) {
		if a.Covers(k.unsettled[key].id) {
			keys = append(keys, []byte(key))
		}
	}
	return keys
}

// readable returns the version of a key that a get may return, or the version held with settled false. mu is held.
func (k *Keeper) readable(id chord.ID, key string) (r *store.Record, settled bool) {
	r = k.store.Get(id, key)
	switch u := k.unsettled[key]; {
	case u == nil:
		return r, true
	case u.known:
		return u.older, true
	}
	return r, false
}

// writeBack sends a version to the replicas, so that it can be read. If they lack even the reserve for it, it stays on
// fewer hosts and is read all the same: otherwise the key could not be read until there is room.
func (k *Keeper) writeBack(ctx context.Context, own terms.Ownership, r *store.Record, operation string) error {
	_, err := k.replicate(ctx, own, r, nil, nil, operation)
	if err != nil && !errors.Is(err, terms.ErrFull) {
		var newer heldNewer
		if errors.As(err, &newer) {
			k.mu.Lock()
			k.requireRecovery(newer.by) // the next try reads it there
			k.mu.Unlock()
		}
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if u := k.unsettled[r.Key]; u != nil {
		k.settled(u, r)
	}
	return nil
}
