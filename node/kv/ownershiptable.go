package kv

import (
	"slices"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/kv/terms"
)

// maxTableEntries bounds the ownership table. At the bound an indirect entry is dropped, or else the entry received
// longest ago: a takeover then depends on another member's entry, or on the rule for ranges without a known owner
// (inheritUnknown).
const maxTableEntries = 512

// ownershipTable holds the ownerships of other members: those that they have reported themselves, and indirect ones of
// dead members (see referrals.go). No two overlap. Of two reported by their owners the one that beats the other stands,
// and an indirect one yields to every other; the one that yields keeps the remainder. The list is in the order in which
// owners were first received.
type ownershipTable []tableEntry

type tableEntry struct {
	terms.Ownership
	received     time.Time
	replicaSince time.Time // when the owner last treated this member as a replica; zero: never
	indirect     bool      // reported by other members, after its owner had died
}

// refuses returns the entry because of which an owner's own o is refused: a later one of the same owner, or an
// overlapping one that beats it. An indirect entry refuses nothing.
func (c ownershipTable) refuses(o terms.Ownership) (terms.Ownership, bool) {
	for _, old := range c {
		if old.indirect {
			continue
		}
		if old.Owner == o.Owner {
			if old.Epoch > o.Epoch {
				return old.Ownership, true
			}
		} else if old.Overlaps(o) && old.Beats(o) {
			return old.Ownership, true
		}
	}
	return terms.Ownership{}, false
}

// learn stores an ownership reported by its owner, unless it is refused.
func (c *ownershipTable) learn(o terms.Ownership, now time.Time) {
	if _, refused := c.refuses(o); !refused {
		c.store(tableEntry{Ownership: o, received: now})
	}
}

// learnIndirect stores the part of a dead owner's ownership that no other owner has reported as its own, unless a later
// one is known.
func (c *ownershipTable) learnIndirect(o terms.Ownership, now time.Time) {
	for _, old := range *c {
		if !old.indirect && old.Owner != o.Owner {
			var some bool
			if o, some = o.Without(old.Ownership); !some {
				return
			}
		}
	}
	for _, old := range *c {
		if old.Owner == o.Owner && old.Epoch >= o.Epoch || old.Owner != o.Owner && old.Overlaps(o) && old.Beats(o) {
			return
		}
	}
	c.store(tableEntry{Ownership: o, received: now, indirect: true})
}

// store stores an entry, and leaves of the present ones what it does not overlap.
func (c *ownershipTable) store(known tableEntry) {
	o := known.Ownership
	kept := (*c)[:0]
	for _, old := range *c {
		if old.Owner == o.Owner {
			known.replicaSince = old.replicaSince
			continue
		}
		if old.Overlaps(o) {
			left, some := old.Without(o)
			if !some {
				continue
			}
			old.Ownership = left
		}
		kept = append(kept, old)
	}
	clear((*c)[len(kept):])
	kept = append(kept, known)
	if len(kept) > maxTableEntries {
		least := 0
		for i := range kept {
			if a, b := kept[i], kept[least]; a.indirect && !b.indirect || a.indirect == b.indirect && a.received.Before(b.received) {
				least = i
			}
		}
		kept = slices.Delete(kept, least, least+1)
	}
	*c = kept
}

// knows reports whether this or a later ownership of the same owner is in the table.
func (c ownershipTable) knows(o terms.Ownership) bool {
	return slices.ContainsFunc(c, func(known tableEntry) bool { return known.Owner == o.Owner && known.Epoch >= o.Epoch })
}

// alive drops the indirect entry of a member that has sent a message: only its own report counts.
func (c *ownershipTable) alive(p chord.Peer) {
	*c = slices.DeleteFunc(*c, func(old tableEntry) bool { return old.indirect && old.Owner == p })
}

// hold notes that the owner treats this member as a replica.
func (c ownershipTable) hold(owner chord.Peer, now time.Time) {
	for i := range c {
		if c[i].Owner == owner {
			c[i].replicaSince = now
		}
	}
}

// covering returns the entry that covers a point of the circle; there is one at most.
func (c ownershipTable) covering(id chord.ID) (tableEntry, bool) {
	for _, known := range c {
		if known.Covers(id) {
			return known, true
		}
	}
	return tableEntry{}, false
}

// maxBelow bounds the entries further down that a survey returns: those of all members of a large host, in the usual
// case in which they are requested.
const maxBelow = 64

// down lists the entry that covers a point and the adjacent ones below it: at most so many, and none twice.
func (c ownershipTable) down(point chord.ID, most int32) (list []terms.Ownership) {
	for at := point; int32(len(list)) < most; {
		known, ok := c.covering(at)
		if !ok || len(list) > 0 && known.Owner == list[0].Owner {
			break
		}
		list, at = append(list, known.Ownership), known.From
	}
	return list
}

// bury drops the entries that a takeover has made void: all that overlap the new range.
func (c *ownershipTable) bury(o terms.Ownership) {
	*c = slices.DeleteFunc(*c, func(old tableEntry) bool { return old.Overlaps(o) })
}

// forget drops the entry of an owner.
func (c *ownershipTable) forget(owner chord.Peer) {
	*c = slices.DeleteFunc(*c, func(old tableEntry) bool { return old.Owner == owner })
}
