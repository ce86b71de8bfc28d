package keeper

import (
	"fmt"

	"chordconductor/node/chord"
	"chordconductor/node/nodepb"
	"chordconductor/node/store"
)

// A holder of copies may have a newer version of a key than its owner knows of: from another owner of a range that had
// two, or from a peer that has planted it. It says so when the owner brings a write. A write that has begun since then is
// later: the owner gives it a greater version. Else the other version would take its place some day, though the write has
// been acknowledged. Members of an earlier version of the protocol do not say it.

// heldNewer says that a member holds a newer version of a record than it was brought.
type heldNewer struct {
	by   chord.Peer
	held *store.Record // its version alone
}

func (e heldNewer) Error() string {
	return fmt.Sprintf("%s holds version %d instead", e.by.Addr, e.held.Version)
}

// readNewer reads what a member holds instead of what it was brought: a heldNewer, or nil. What no clock can have counted
// is refused, so that there is always a greater version.
func (k *Keeper) readNewer(p chord.Peer, list []*nodepb.Version) error {
	var most *store.Record
	for _, version := range list[:min(len(list), batchRecords)] {
		r, err := versionFromWire(k.space, version)
		if err != nil {
			return fmt.Errorf("%w: %w", errRefused, err)
		}
		if err := k.believe(p.Addr, []*store.Record{r}, false); err != nil {
			return err
		}
		if r.Newer(most) {
			most = r
		}
	}
	if most == nil {
		return nil
	}
	return heldNewer{p, most}
}

// unknownHere reports whether what somebody holds instead of a record is newer than what is held here, too: else it is of a
// write that has superseded this one here.
func (k *Keeper) unknownHere(e heldNewer, rec *store.Record) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return e.held.Newer(k.store.Get(rec.ID, rec.Key))
}

// rewrite gives a write a version above one that is held elsewhere, and returns its record then; or what a later write at
// this member has put in its place, which will be given one itself. It returns nil if it cannot: the range has changed
// hands, the record is another write's, or there is no room. mu is held.
func (k *Keeper) rewrite(req *request, rec *store.Record, above uint64) *store.Record {
	held := k.store.Get(rec.ID, rec.Key)
	switch {
	case held == nil || rec.Request != req.id || !k.Owns(rec.ID):
		return nil
	case !held.Same(rec) && held.Writer == k.self.ID && held.Newer(rec):
		return held
	}
	k.clock.Observe(above)
	next := *rec
	next.Version = max(k.clock.Now(), above+1, held.Version+1)
	again := k.dated(&next)
	if !k.budget.take(again.Size()-held.Size(), forKeeps) {
		return nil
	}
	k.store.Put(again)
	req.version = again.Version
	return again
}
