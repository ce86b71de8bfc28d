package kv

import (
	"cmp"

	"chordconductor/node/chord"
)

// An arc is the part (from, to] of the circle; if from equals to, the whole circle.
type arc struct{ from, to chord.ID }

func (a arc) covers(id chord.ID) bool { return chord.Owns(a.from, id, a.to) }

// overlaps reports whether both cover some point: of two arcs that overlap, one covers the other's end.
func (a arc) overlaps(b arc) bool { return a.covers(b.to) || b.covers(a.to) }

// An ownership makes a member responsible for (from, owner.ID]. Of two for the same range the one with the greater
// epoch is the later.
type ownership struct {
	owner chord.Peer
	from  chord.ID // equal to the owner's: the whole circle
	epoch int64
}

func (o ownership) arc() arc                  { return arc{o.from, o.owner.ID} }
func (o ownership) covers(id chord.ID) bool   { return o.arc().covers(id) }
func (o ownership) overlaps(p ownership) bool { return o.arc().overlaps(p.arc()) }

// contains reports whether o contains all of p, a range of the same owner.
func (o ownership) contains(p ownership) bool {
	return o.from == p.from || o.from == o.owner.ID || p.from != p.owner.ID && o.covers(p.from)
}

// beats orders all ownerships, so that of two that overlap all members agree which one stands.
func (o ownership) beats(p ownership) bool {
	if c := cmp.Compare(o.epoch, p.epoch); c != 0 {
		return c > 0
	}
	if c := o.owner.ID.Compare(p.owner.ID); c != 0 {
		return c > 0
	}
	return o.owner.Incarnation > p.owner.Incarnation
}

// without returns what is left of o beside p: the part from p's end to o's end, unless p covers o's end.
func (o ownership) without(p ownership) (left ownership, some bool) {
	if p.covers(o.owner.ID) {
		return ownership{}, false
	}
	if o.covers(p.owner.ID) {
		o.from = p.owner.ID
	}
	return o, true
}
