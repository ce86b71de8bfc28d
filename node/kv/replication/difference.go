package replication

import (
	"fmt"

	"chordconductor/node/chord"
	"chordconductor/node/kv/terms"
	"chordconductor/node/store"
)

// Two members compare by digests what they hold in an arc of the circle. Where the digests differ the arc is split into
// parts, whose digests are compared next; an arc of few records is answered with all their versions. So a comparison
// costs one message when nothing differs, and otherwise grows with the differences and the logarithm of what is stored.

const (
	// MaxArcs bounds the arcs of one request.
	MaxArcs = 64
	// fewRecords is up to how many records, those of both sides together, an arc is answered with versions rather than
	// split.
	fewRecords = 128
)

// A Sum is the digest and the number of the records that a member holds in an arc.
type Sum struct {
	Digest uint64
	Count  int64
}

// SumOf returns the sum of what is held in an arc.
func SumOf(s *store.Store, a terms.Arc) Sum {
	sum := s.Summary(a.From, a.To)
	return Sum{sum.Digest, sum.Count}
}

// An Answer is what a member answers for an arc of which it holds something else: the sums of its parts, or all
// versions.
type Answer struct {
	Same     bool
	Parts    []Sum // if the arc is split
	Versions []*store.Record
}

// Differ compares an arc with what another member holds of it.
func Differ(space chord.Space, s *store.Store, a terms.Arc, theirs Sum) (d Answer) {
	mine := SumOf(s, a)
	if d.Same = mine == theirs; d.Same {
		return d
	}
	if ends := store.Parts(space, a.From, a.To); mine.Count+theirs.Count > fewRecords && len(ends) > 1 {
		from := a.From
		for _, to := range ends {
			d.Parts = append(d.Parts, SumOf(s, terms.Arc{From: from, To: to}))
			from = to
		}
		return d
	}
	s.Ascend(a.From, a.To, func(r *store.Record) bool {
		d.Versions = append(d.Versions, r)
		return true
	})
	return d
}

// A Difference is the result of comparing an arc with another member: the same, or the parts that differ, or what the
// other member holds.
type Difference struct {
	Same     bool
	Split    bool
	Parts    []terms.Arc     // if it was split: those whose digests differ
	Versions []*store.Record // otherwise: all that the other member holds, without values
}

// Read compares an answer for an arc with what is held here. Both sides split an arc alike, so an answer carries only
// the digests of its parts.
func Read(space chord.Space, s *store.Store, whole terms.Arc, a Answer) (Difference, error) {
	out := Difference{Same: a.Same}
	for _, r := range a.Versions {
		if whole.Covers(r.ID) {
			out.Versions = append(out.Versions, r)
		}
	}
	if len(a.Parts) == 0 {
		return out, nil
	}
	ends := store.Parts(space, whole.From, whole.To)
	if len(ends) != len(a.Parts) || len(ends) == 1 {
		return out, fmt.Errorf("expected an arc in %d parts, got %d", len(ends), len(a.Parts))
	}
	out.Split = true
	from := whole.From
	for i, to := range ends {
		if part := (terms.Arc{From: from, To: to}); SumOf(s, part) != a.Parts[i] {
			out.Parts = append(out.Parts, part)
		}
		from = to
	}
	return out, nil
}
