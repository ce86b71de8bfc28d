package store

import (
	"bytes"
	"strings"

	"chordconductor/node/chord"
)

// A Record is one version of one key. It is immutable once stored.
type Record struct {
	ID      chord.ID // place of the key on the circle
	Key     string
	Value   []byte
	Version uint64   // hybrid logical clock
	Writer  chord.ID // the member that assigned the version
	Expires int64    // Unix milliseconds; 0: never
	Deleted bool     // a tombstone: there is no value

	// Request is the client's request that wrote the version; zero: unknown. A later try of the request finds its own
	// write by it, whichever member owns the key by then.
	Request [16]byte

	// Due is the time of the next action on the record, in Unix milliseconds (see Store.Due); 0: never. It is local to
	// the store, and no part of the version.
	Due int64
}

// recordOverhead is about the memory that a record takes beside its key and value: the struct, its slots in the trees,
// its share of the trie, and the allocator's rounding.
const recordOverhead = 256

// Size returns how many bytes of a memory limit the record takes.
func (r *Record) Size() int64 {
	if r == nil {
		return 0
	}
	return SizeOf(len(r.Key), int64(len(r.Value)))
}

// SizeOf returns the size, in bytes, of a record whose key and value have these numbers of bytes.
func SizeOf(key int, value int64) int64 { return recordOverhead + int64(key) + value }

// Newer reports whether r supersedes o, a version of the same key or nil: by version, ties by writer.
func (r *Record) Newer(o *Record) bool {
	if o == nil {
		return true
	}
	if r.Version != o.Version {
		return r.Version > o.Version
	}
	return r.Writer.Compare(o.Writer) > 0
}

// Same reports whether both are the same version, or both nil.
func (r *Record) Same(o *Record) bool {
	if r == nil || o == nil {
		return r == o
	}
	return r.Version == o.Version && r.Writer == o.Writer
}

func less(a, b *Record) bool {
	if c := bytes.Compare(a.ID[:], b.ID[:]); c != 0 {
		return c < 0
	}
	return strings.Compare(a.Key, b.Key) < 0
}

func sooner(a, b *Record) bool {
	if a.Due != b.Due {
		return a.Due < b.Due
	}
	return less(a, b)
}
