package replication

import (
	"maps"
	"slices"

	"chordconductor/node/chord"
	"chordconductor/node/kv/terms"
	"chordconductor/node/store"
)

// A version that an owner holds is settled when R hosts hold it, or all hosts that can. Only settled versions are read:
// otherwise a get could return a value that the owner's crash then undoes. What is held of the owner's range is
// settled, with two exceptions: all of it may be unsettled while the range needs recovery, and single keys are while a
// write of them is under way, after a write that has failed, and after a version has come from elsewhere. Those are
// listed here.
//
// A get of such a key returns the previous settled version, if that is known: no get has returned the newer one. If it
// is not known, the get settles the newer version itself, by sending it to the replicas.

const (
	// MaxUnsettled bounds the list, except for writes under way. At the bound the range is marked as needing recovery,
	// which covers all its keys, and the list starts again.
	MaxUnsettled = 1024
	// maxOlder bounds the bytes of the versions kept beside newer ones. At the bound none are kept: gets settle the newer.
	maxOlder = 4 << 20
)

// Unsettled is the list of the unsettled keys of a range.
type Unsettled struct {
	keys  map[string]*Key
	older int64 // bytes of the versions kept; at most maxOlder
}

// A Key is one key of the list.
type Key struct {
	id      chord.ID
	running int           // writes under way
	known   bool          // whether older is the latest settled version
	older   *store.Record // nil if there is none
	floor   *store.Record // a version alone: none up to it may be read any more, unless it is kept; nil: all may
}

// raise notes that what has been read, or acknowledged elsewhere, may be as new as r.
func (u *Key) raise(r *store.Record) {
	if r != nil && r.Newer(u.floor) {
		u.floor = &store.Record{Version: r.Version, Writer: r.Writer}
	}
}

// Full reports whether the list has no place for a key.
func (l *Unsettled) Full(key string) bool {
	return l.keys[key] == nil && len(l.keys) >= MaxUnsettled
}

// Add lists a key before a newer version of it than held is stored. settled states that held is known to be settled, and
// complete that the range does not need recovery. Of a version that comes from elsewhere it is not: it may have been
// acknowledged there, and a write still under way here, which is older, must not be read when it ends.
func (l *Unsettled) Add(id chord.ID, key string, held *store.Record, settled, complete bool) *Key {
	u := l.keys[key]
	switch {
	case u == nil:
		if l.keys == nil {
			l.keys = make(map[string]*Key)
		}
		u = &Key{id: id}
		l.keys[key] = u
		u.raise(held)
		if settled && complete {
			l.keep(u, held)
		}
	case !settled:
		u.raise(held)
		l.drop(u)
	}
	return u
}

// Begin notes that a write of a listed key is under way.
func (u *Key) Begin() { u.running++ }

func (l *Unsettled) keep(u *Key, r *store.Record) {
	l.drop(u)
	if l.older+r.Size() <= maxOlder {
		l.older += r.Size()
		u.known, u.older = true, r
	}
}

func (l *Unsettled) drop(u *Key) {
	l.older -= u.older.Size()
	u.known, u.older = false, nil
}

// Settled notes that R hosts hold a version; held is the one held here.
func (l *Unsettled) Settled(u *Key, r, held *store.Record) {
	switch {
	case l.keys[r.Key] != u:
	case u.running == 0 && held.Same(r):
		l.unlist(r.Key, u)
	case r.Newer(u.floor):
		u.raise(r)
		l.keep(u, r)
	}
}

// SettledKey is Settled for a key, if it is listed.
func (l *Unsettled) SettledKey(r, held *store.Record) {
	if u := l.keys[r.Key]; u != nil {
		l.Settled(u, r, held)
	}
}

// End notes the end of a write of a key; ok means that R hosts hold its version. It reports whether
// the replicas may lack what is held here.
func (l *Unsettled) End(u *Key, r, held *store.Record, ok bool) (unsynced bool) {
	u.running--
	if ok {
		l.Settled(u, r, held)
	} else {
		unsynced = l.keys[r.Key] == u
	}
	if u.running == 0 && u.known && l.keys[r.Key] == u && held.Same(u.older) {
		l.unlist(r.Key, u)
	}
	return unsynced
}

func (l *Unsettled) unlist(key string, u *Key) {
	l.drop(u)
	delete(l.keys, key)
}

// SettleAll empties the list, except for writes under way: all that is held of the range has been compared with the
// replicas.
func (l *Unsettled) SettleAll() {
	for key, u := range l.keys {
		if u.running == 0 {
			l.unlist(key, u)
		}
	}
}

// Keep removes the keys whose points are not the member's any more, nor about to be.
func (l *Unsettled) Keep(mine func(chord.ID) bool) {
	for key, u := range l.keys {
		if !mine(u.id) {
			l.unlist(key, u)
		}
	}
}

// In lists the unsettled keys of an arc, in order.
func (l *Unsettled) In(a terms.Arc) (keys [][]byte) {
	for _, key := range slices.Sorted(maps.Keys(l.keys)) {
		if a.Covers(l.keys[key].id) {
			keys = append(keys, []byte(key))
		}
	}
	return keys
}

// Readable returns the version of a key that a get may return, or the version held with settled false.
func (l *Unsettled) Readable(key string, held *store.Record) (r *store.Record, settled bool) {
	switch u := l.keys[key]; {
	case u == nil:
		return held, true
	case u.known:
		return u.older, true
	}
	return held, false
}
