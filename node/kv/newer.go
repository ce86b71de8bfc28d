package kv

import (
	"fmt"

	"chordconductor/node/chord"
	"chordconductor/node/kv/replication"
	"chordconductor/node/kv/terms"
	"chordconductor/node/nodepb"
	"chordconductor/node/store"
)

// readNewer reads what a member holds in place of a record that it was sent, and returns it as a
// HeldNewer, or nil if there is nothing. A version that no clock can have counted is refused, so
// that there is always a greater version.
func (k *Keeper) readNewer(p chord.Peer, list []*nodepb.Version) error {
	var most *store.Record
	for _, version := range list[:min(len(list), terms.BatchRecords)] {
		r, err := versionFromWire(k.space, version)
		if err != nil {
			return fmt.Errorf("%w: %w", terms.ErrRefused, err)
		}
		if err := k.checkVersions(p.Addr, []*store.Record{r}, false); err != nil {
			return err
		}
		if r.Newer(most) {
			most = r
		}
	}
	if most == nil {
		return nil
	}
	return replication.HeldNewer{By: p, Held: most}
}

// unknownHere reports whether the version that another member holds instead of a record is newer than the one held
// here, too. Otherwise it belongs to a write that has superseded the record here.
func (k *Keeper) unknownHere(e replication.HeldNewer, rec *store.Record) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return e.Held.Newer(k.store.Get(rec.ID, rec.Key))
}

// rewrite assigns a write a version above one that is held elsewhere, and returns its record. If a
// later write at this member has superseded it, rewrite returns the record of that later write,
// which will be rewritten itself. It returns nil if the ownership of the range has changed, the
// record belongs to another write, or there is no memory. mu is held.
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
