package ring

import "chordconductor/node/chord"

// A seam describes how the range of an owner meets the range of the owner before it.
type seam uint8

const (
	closed  seam = iota
	gap          // no member owns the range between
	overlap      // both own a range
)

func (s seam) condition() string {
	if s == gap {
		return OwnershipGap
	}
	return OwnershipOverlap
}

// updateOwnership applies a change of x's ownership register, or of whether x is counted.
func (r *Ring) updateOwnership(x *record) {
	owns := x.counted && x.owned.val.Owns
	switch {
	case owns && !x.owns:
		r.tree.add(x, weights{owners: 1})
	case !owns && x.owns:
		r.tree.add(x, weights{owners: -1})
		r.setSeam(x, closed)
	case !owns:
		return
	}
	turned := owns != x.owns
	x.owns = owns
	if owns {
		r.updateSeam(x)
	}
	if turned {
		if next := r.ownerFrom(r.tree.before(x).owners + x.own.owners); next != nil {
			r.updateSeam(next)
		}
	}
}

// ownerFrom returns the owner that has k owners before it, counted around the circle; nil if there is no owner.
func (r *Ring) ownerFrom(k int) *record {
	n := r.tree.total().owners
	if n == 0 {
		return nil
	}
	return r.tree.owner((k%n + n) % n)
}

// updateSeam compares the beginning of an owner's range with the end of the range before it.
func (r *Ring) updateSeam(x *record) {
	before := r.ownerFrom(r.tree.before(x).owners - 1)
	from := x.owned.val.From
	switch {
	case from == before.id:
		r.setSeam(x, closed)
	case chord.Between(before.id, from, x.id):
		r.setSeam(x, gap)
	default:
		r.setSeam(x, overlap)
	}
}

func (r *Ring) setSeam(x *record, s seam) {
	if s == x.seam {
		return
	}
	if x.seam != closed {
		r.resolveBreach(x.seam.condition(), x)
	}
	x.seam = s
	if s != closed {
		r.breach(s.condition(), x)
	}
}

// isCertain reports whether a breach is certain: every member that could disprove it is certain. Breaches that check
// finds are always certain.
func (r *Ring) isCertain(b *breach) bool {
	if b.condition == UnderReplicated {
		return !b.of.uncertain
	}
	if b.condition != OwnershipGap && b.condition != OwnershipOverlap {
		return true
	}
	x, before := b.of, r.ownerFrom(r.tree.before(b.of).owners-1)
	if x.uncertain || before.uncertain {
		return false
	}
	if b.condition == OwnershipOverlap {
		return true
	}
	// A member in the gap may own it, although the event that reports this has not arrived.
	return !r.witnessBetween(before.id, x.id)
}
