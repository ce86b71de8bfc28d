package store

import (
	"encoding/binary"

	"github.com/google/btree"

	"chordconductor/node/chord"
)

// A Summary describes the records of an arc of the circle.
type Summary struct {
	// Digest is the sum of a hash of every version held: equal digests of two stores mean equal versions. It leaves out
	// what the version determines (value, expiry, tombstone).
	Digest uint64
	Count  int64 // records
	Live   int64 // records that are not tombstones
	Bytes  int64
}

func (a Summary) plus(b Summary) Summary {
	return Summary{a.Digest + b.Digest, a.Count + b.Count, a.Live + b.Live, a.Bytes + b.Bytes}
}

func (a Summary) minus(b Summary) Summary {
	return Summary{a.Digest - b.Digest, a.Count - b.Count, a.Live - b.Live, a.Bytes - b.Bytes}
}

// Summary sums up (from, to]; from equal to to is the whole circle.
func (s *Store) Summary(from, to chord.ID) Summary {
	upTo := func(id chord.ID) Summary { return s.digests.upTo(id, s.records) }
	if from.Compare(to) < 0 {
		return upTo(to).minus(upTo(from))
	}
	return s.digests.root.sum.minus(upTo(from)).plus(upTo(to))
}

// leafMax is the number of records that a leaf of the trie sums up at most. A greater one takes less memory, and more
// time per query.
const leafMax = 64

// A trie holds the sum of every prefix of identifiers, digit by digit (hex), down to prefixes of at most leafMax records.
// It does not hold the records: they are in the tree.
type trie struct {
	root  *prefix
	first int // of the 40 hex digits of an identifier, the first that may differ from 0 on this circle
}

type prefix struct {
	sum  Summary
	kids *[16]*prefix // nil: a leaf
}

const idDigits = 2 * len(chord.ID{})

func newTrie(space chord.Space) trie {
	return trie{root: &prefix{}, first: idDigits - space.Digits()}
}

func (t *trie) add(r *Record, records *btree.BTreeG[*Record]) {
	sum := summaryOf(r)
	p, depth := t.root, t.first
	p.sum = p.sum.plus(sum)
	for ; p.kids != nil; depth++ {
		kid := &p.kids[digit(r.ID, depth)]
		if *kid == nil {
			*kid = &prefix{}
		}
		p = *kid
		p.sum = p.sum.plus(sum)
	}
	if p.sum.Count > leafMax && depth < idDigits {
		p.split(r.ID, depth, records)
	}
}

// split turns a leaf, the prefix of the first depth digits of id, into a node with leaves. If all its records fall into
// one of them, the next record in that leaf splits it again.
func (p *prefix) split(id chord.ID, depth int, records *btree.BTreeG[*Record]) {
	p.kids = new([16]*prefix)
	records.AscendGreaterOrEqual(&Record{ID: floor(id, depth)}, func(r *Record) bool {
		if floor(r.ID, depth) != floor(id, depth) {
			return false
		}
		kid := &p.kids[digit(r.ID, depth)]
		if *kid == nil {
			*kid = &prefix{}
		}
		(*kid).sum = (*kid).sum.plus(summaryOf(r))
		return true
	})
}

func (t *trie) remove(r *Record) {
	sum := summaryOf(r)
	p, depth := t.root, t.first
	for {
		p.sum = p.sum.minus(sum)
		if p.sum.Count <= leafMax/4 {
			p.kids = nil // far enough below leafMax that it does not split again immediately
		}
		if p.kids == nil {
			return
		}
		p = p.kids[digit(r.ID, depth)]
		depth++
	}
}

// upTo sums up the identifiers from 0 to id, both included.
func (t *trie) upTo(id chord.ID, records *btree.BTreeG[*Record]) Summary {
	var sum Summary
	p, depth := t.root, t.first
	for ; p.kids != nil; depth++ {
		d := digit(id, depth)
		for _, kid := range p.kids[:d] {
			if kid != nil {
				sum = sum.plus(kid.sum)
			}
		}
		if p = p.kids[d]; p == nil {
			return sum
		}
	}
	if p.sum.Count == 0 {
		return sum
	}
	records.AscendGreaterOrEqual(&Record{ID: floor(id, depth)}, func(r *Record) bool {
		if r.ID.Compare(id) > 0 {
			return false
		}
		sum = sum.plus(summaryOf(r))
		return true
	})
	return sum
}

// digit returns the i-th hex digit of an identifier.
func digit(id chord.ID, i int) int { return int(id[i/2]>>(4*(1-i%2))) & 0xf }

// floor returns the least identifier with the same first digits.
func floor(id chord.ID, digits int) chord.ID {
	var out chord.ID
	copy(out[:digits/2], id[:])
	if digits%2 == 1 {
		out[digits/2] = id[digits/2] & 0xf0
	}
	return out
}

func summaryOf(r *Record) Summary {
	sum := Summary{Digest: r.hash(), Count: 1, Live: 1, Bytes: r.Size()}
	if r.Deleted {
		sum.Live = 0
	}
	return sum
}

// hash returns FNV-1a over key and version, then a finalizer (splitmix64's), since FNV alone
// spreads too little for sums.
func (r *Record) hash() uint64 {
	h := uint64(14695981039346656037)
	mix := func(b byte) { h = (h ^ uint64(b)) * 1099511628211 }
	for i := range len(r.Key) {
		mix(r.Key[i])
	}
	var version [8]byte
	binary.BigEndian.PutUint64(version[:], r.Version)
	for _, b := range version {
		mix(b)
	}
	for _, b := range r.Writer {
		mix(b)
	}
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}
