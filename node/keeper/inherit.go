package keeper

import "chordconductor/node/store"

// Inherit takes over the records of a member of the same host that is about to end, since another member has its
// identifier. That one owns nothing any more; here its records are leftovers, which go to their owners. Call it before
// this member is on the ring.
func (k *Keeper) Inherit(from *Keeper) {
	from.mu.Lock()
	from.reg.Store(nil) // no write is acknowledged any more
	records := from.store
	from.store = store.New(from.space)
	from.mu.Unlock()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.store = records // they count against the same host's budget as before
	k.sweepSoon()
}

// empty gives back what the records of a member that has ended took of its host's memory. mu is held.
func (k *Keeper) empty() {
	all := k.store.Summary(k.self.ID, k.self.ID)
	k.store = store.New(k.space)
	k.budget.take(-all.Bytes, forKeeps)
}
