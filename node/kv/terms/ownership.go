package terms

import (
	"cmp"

	"chordconductor/node/chord"
)

// An Arc is the part (from, to] of the circle; if from equals to, the whole circle.
type Arc struct{ From, To chord.ID }

// Covers reports whether the arc contains a point.
func (a Arc) Covers(id chord.ID) bool { return chord.Owns(a.From, id, a.To) }

// Overlaps reports whether both arcs cover some point: of two arcs that overlap, one covers the
// other's end.
func (a Arc) Overlaps(b Arc) bool { return a.Covers(b.To) || b.Covers(a.To) }

// An Ownership makes a member responsible for (from, owner.ID]. Of two ownerships of the same range
// the one with the greater epoch is the later.
type Ownership struct {
	Owner chord.Peer
	From  chord.ID // equal to the owner's identifier: the whole circle
	Epoch int64
}

// Arc returns the range of the ownership.
func (o Ownership) Arc() Arc { return Arc{o.From, o.Owner.ID} }

// Covers reports whether the range contains a point.
func (o Ownership) Covers(id chord.ID) bool { return o.Arc().Covers(id) }

// Overlaps reports whether two ranges have a point in common.
func (o Ownership) Overlaps(p Ownership) bool { return o.Arc().Overlaps(p.Arc()) }

// Contains reports whether o contains all of p, a range of the same owner.
func (o Ownership) Contains(p Ownership) bool {
	return o.From == p.From || o.From == o.Owner.ID || p.From != p.Owner.ID && o.Covers(p.From)
}

// Beats orders all ownerships, so that all members agree which of two that overlap stands.
func (o Ownership) Beats(p Ownership) bool {
	if c := cmp.Compare(o.Epoch, p.Epoch); c != 0 {
		return c > 0
	}
	if c := o.Owner.ID.Compare(p.Owner.ID); c != 0 {
		return c > 0
	}
	return o.Owner.Incarnation > p.Owner.Incarnation
}

// Without returns what is left of o beside p: the part from p's end to o's end, unless p covers o's end.
func (o Ownership) Without(p Ownership) (left Ownership, some bool) {
	if p.Covers(o.Owner.ID) {
		return Ownership{}, false
	}
	if o.Covers(p.Owner.ID) {
		o.From = p.Owner.ID
	}
	return o, true
}
