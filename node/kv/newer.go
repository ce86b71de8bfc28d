package kv

import (
	"fmt"

	"chordconductor/node/chord"
	"chordconductor/node/kv/terms"
	"chordconductor/node/nodepb"
	"chordconductor/node/store"
)

// A replica may hold a newer version of a key than the owner does: from another owner of a range that had two, or from
// a peer that has forged it. The replica reports it when the owner sends a write, and the owner assigns the write a
// greater version, because the write has begun since. Otherwise the other version would one day supersede an
// acknowledged write. Members of an earlier protocol version do not report it.

// heldNewer is the error that a member holds a newer version of a record than the one sent to it.
type heldNewer struct {
	by   chord.Peer
	held *store.Record // its version alone
}

func (e heldNewer) Error() string {
	return fmt.Sprintf("%s holds version %d instead", e.by.Addr, e.held.Version)
}

// readNewer returns what a member holds instead of what it was sent: a heldNewer, or nil. A version that no clock can
// have counted is refused, so that there is always a greater version.
func (k *Keeper) readNewer(p chord.Peer, list []*nodepb.Version) error {
	var most *store.Record
	for _, version := range list[:min(len(list), batchRecords)] {
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
	return heldNewer{p, most}
}

// unknownHere reports whether the version that another member holds instead of a record is newer than the one held
// here, too. Otherwise it belongs to a write that has superseded the record here.
func (k *Keeper) unknownHere(e heldNewer, rec *store.Record) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return e.held.Newer(k.store.Get(rec.ID, rec.Key))
}

// rewrite assigns a write a version above one that is held elsewhere, and returns its record. If a later write at this
// member has superseded it, rewrite returns that one's record, which will be rewritten itself. It returns nil if it
// cannot: ownership of the range has changed, the record is another write's, or there is no room. mu is held.
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
