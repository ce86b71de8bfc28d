package kv

import "chordconductor/node/store"

// Inherit takes over the records of a member of the same host that is about to end, because another member has its
// identifier. That member owns nothing any more; its records become orphaned replicas here, which return to their
// owners. Call Inherit before this member is on the ring.
func (k *Keeper) Inherit(from *Keeper) {
	from.mu.Lock()
	from.reg.Store(nil) // no write is acknowledged any more
	records := from.store
	from.store = store.New(from.space)
	from.mu.Unlock()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.store = records // they still count against the same host's budget
	k.sweepSoon()
}

// empty returns the memory of an ended member's records to the host's budget. mu is held.
func (k *Keeper) empty() {
	all := k.store.Summary(k.self.ID, k.self.ID)
	k.store = store.New(k.space)
	k.budget.take(-all.Bytes, forKeeps)
}
