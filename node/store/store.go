package store

import (
	"github.com/google/btree"

	"chordconductor/node/chord"
)

const degree = 32 // of the B-trees: nodes of up to 63 records

// A Store holds at most one version per key. Its user bounds its size: a store refuses nothing.
type Store struct {
	records *btree.BTreeG[*Record]
	due     *btree.BTreeG[*Record] // records with a Due time, soonest first
	digests trie
}

// New returns an empty store of keys on a circle.
func New(space chord.Space) *Store {
	return &Store{
		records: btree.NewG(degree, less),
		due:     btree.NewG(degree, sooner),
		digests: newTrie(space),
	}
}

// Get returns the version of a key that the store has, or nil.
func (s *Store) Get(id chord.ID, key string) *Record {
	r, _ := s.records.Get(&Record{ID: id, Key: key})
	return r
}

// Put stores a record in place of the key's present version, even a newer one, and returns that
// version or nil.
func (s *Store) Put(r *Record) (old *Record) {
	old, _ = s.records.ReplaceOrInsert(r)
	if old != nil {
		s.forget(old)
	}
	if r.Due != 0 {
		s.due.ReplaceOrInsert(r)
	}
	s.digests.add(r, s.records)
	return old
}

// Delete removes a key, even a tombstone, and returns the version that the store had, or nil.
func (s *Store) Delete(id chord.ID, key string) (old *Record) {
	old, ok := s.records.Delete(&Record{ID: id, Key: key})
	if ok {
		s.forget(old)
	}
	return old
}

func (s *Store) forget(r *Record) {
	if r.Due != 0 {
		s.due.Delete(r)
	}
	s.digests.remove(r)
}

// Len returns the number of records, tombstones included.
func (s *Store) Len() int { return s.records.Len() }

// Ascend calls f for the records of (from, to] clockwise until f returns false. From equal to to is the whole circle.
// The store must not be changed meanwhile.
func (s *Store) Ascend(from, to chord.ID, f func(*Record) bool) { ascend(s.records, from, to, f) }

// Cut removes up to limit records of (from, to], the first ones clockwise, and returns them. A long range takes several
// calls, so that other users of the store need not wait for all of it.
func (s *Store) Cut(from, to chord.ID, limit int) []*Record {
	var cut []*Record
	s.Ascend(from, to, func(r *Record) bool {
		cut = append(cut, r)
		return len(cut) < limit
	})
	for _, r := range cut {
		s.records.Delete(r)
		s.forget(r)
	}
	return cut
}

// Due returns up to limit records whose Due time is not after until, soonest first.
func (s *Store) Due(until int64, limit int) []*Record {
	var due []*Record
	s.due.Ascend(func(r *Record) bool {
		if r.Due > until || len(due) == limit {
			return false
		}
		due = append(due, r)
		return true
	})
	return due
}

// A Snapshot is the content of a store at one moment.
type Snapshot struct{ records *btree.BTreeG[*Record] }

// Snapshot returns the present content. It takes O(1), whatever the store's size.
func (s *Store) Snapshot() Snapshot { return Snapshot{s.records.Clone()} }

// Ascend does what Store.Ascend does, but the store may be changed meanwhile.
func (s Snapshot) Ascend(from, to chord.ID, f func(*Record) bool) { ascend(s.records, from, to, f) }

func ascend(records *btree.BTreeG[*Record], from, to chord.ID, f func(*Record) bool) {
	more := true
	visit := func(r *Record) bool {
		more = f(r)
		return more
	}
	after := func(r *Record) bool { return r.ID == from || visit(r) }
	upTo := func(next func(*Record) bool) func(*Record) bool {
		return func(r *Record) bool { return r.ID.Compare(to) <= 0 && next(r) }
	}
	first := &Record{ID: from}
	if from.Compare(to) < 0 {
		records.AscendGreaterOrEqual(first, upTo(after))
		return
	}
	records.AscendGreaterOrEqual(first, after)
	if more {
		records.Ascend(upTo(visit))
	}
}
