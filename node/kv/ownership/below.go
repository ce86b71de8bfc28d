package ownership

import (
	"slices"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/kv/terms"
)

// The owner of a range takes over the range right below it if the owner of that range is dead. Here
// is decided which members to ask about that range, and when its owner has been missing for long
// enough.

// A Neighbor is the table entry for the range right below this member's.
type Neighbor struct {
	Entry
	Alive bool // neither it nor its host is taken for dead
}

// Below returns the table entry for the range right below an ownership of this member.
func (r *Register) Below(own *terms.Ownership, unreachable func(chord.Peer) bool) (Neighbor, bool) {
	known, ok := r.Table.Covering(own.From)
	return Neighbor{known, !unreachable(known.Owner)}, ok
}

// Doubt notes that the owner of the range below seems to own nothing: a member that should own it claims it.
func (r *Register) Doubt() Effects {
	r.doubt = true
	return Effects{Reconcile: true}
}

// Doubted reports whether there has been a Doubt since the last call.
func (r *Register) Doubted() bool {
	doubt := r.doubt
	r.doubt = false
	return doubt
}

// Missing notes whether the range below this member's has a live owner. The time since it had none
// counts for all ranges further down that turn out to have none: several owners may have died at
// once, and members that know the owner of one of these ranges have had time to report it.
func (r *Register) Missing(is bool, now time.Time) {
	switch {
	case !is:
		r.ownerless, r.row = time.Time{}, 0
	case r.ownerless.IsZero():
		r.ownerless = now
	}
}

// Found notes that the range that this member claims has a live owner.
func (r *Register) Found() { r.ownerless = time.Time{} }

// Searched returns for how long this member has looked for an owner: at least the time since began.
func (r *Register) Searched(began, now time.Time) time.Duration {
	if r.ownerless.IsZero() {
		r.ownerless = began
	}
	return now.Sub(r.ownerless)
}

// Ownerless returns for how long there has been no known live owner.
func (r *Register) Ownerless(now time.Time) time.Duration { return now.Sub(r.ownerless) }

// Row lists the owners of adjacent ranges below that should be asked concurrently, after some have
// just been taken over from dead owners. Their number doubles each time: a failure that ended one
// owner of a row has in most cases ended many, and each would otherwise cost a time limit.
func (r *Register) Row(own *terms.Ownership, unreachable func(chord.Peer) bool) (next []chord.Peer) {
	if r.row == 0 {
		return nil
	}
	for _, o := range r.Table.Down(own.From, MaxBelow) {
		if len(next) < r.row && o.Owner != r.self && !unreachable(o.Owner) {
			next = append(next, o.Owner)
		}
	}
	if len(next) < 2 {
		return nil // the one right below is asked anyway
	}
	return next
}

// Affected lists those of the known members that the death of an owner may affect, down from a
// point, before its range is taken over. The other owners on its host have in most cases ended with
// it; one after the other, their takeovers would take a time limit each. A host has at most
// MaxVirtualNodes members. Members whose identifier is in the dead owner's range may already own a
// part of it, although no pointers lead to them yet.
func (r *Register) Affected(dead terms.Ownership, point chord.ID, known []chord.Peer, unreachable func(chord.Peer) bool) (others []chord.Peer) {
	add := func(p chord.Peer) {
		if p != dead.Owner && !unreachable(p) && !slices.Contains(others, p) {
			others = append(others, p)
		}
	}
	for _, entry := range r.Table {
		if entry.Owner.Addr == dead.Owner.Addr {
			add(entry.Owner)
		}
	}
	within := terms.Arc{From: dead.From, To: point}
	for _, p := range known {
		if within.Covers(p.ID) {
			add(p)
		}
	}
	return others
}

// Others lists the other owners in the table that are not among the dead.
func (r *Register) Others(dead terms.Lapsed, now time.Time) (owners []chord.Peer) {
	for _, known := range r.Table {
		if !dead.Has(known.Owner, now) && known.Owner != r.self && !slices.Contains(owners, known.Owner) {
			owners = append(owners, known.Owner)
		}
	}
	return owners
}

// Nearest returns the end of the nearest range in the table between a point and an ownership of this member above it, or
// the point.
func (r *Register) Nearest(down chord.ID, own *terms.Ownership) chord.ID {
	for _, known := range r.Table {
		if chord.Between(down, known.Owner.ID, own.From) {
			down = known.Owner.ID
		}
	}
	return down
}

// Inherit adds the range down to a point to this member's own. The members given, whose identifiers are in the range,
// may hold records of it.
func (r *Register) Inherit(from chord.ID, epoch int64, between []chord.Peer) Effects {
	if r.own.Covers(from) || from == r.own.From {
		from = r.self.ID // all the way around
	}
	e := r.TakeOver(from, epoch).and(r.recovery(between...))
	r.row = min(max(2*r.row, 2), MaxBelow)
	return e
}
