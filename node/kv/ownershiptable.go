package kv

import (
	"slices"
	"time"

	"chordconductor/node/chord"
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
	ownership
	received     time.Time
	replicaSince time.Time // when the owner last treated this member as a replica; zero: never
	indirect     bool      // reported by other members, after its owner had died
}

// refuses returns the entry because of which an owner's own o is refused: a later one of the same owner, or an
// overlapping one that beats it. An indirect entry refuses nothing.
func (c ownershipTable) refuses(o ownership) (ownership, bool) {
	for _, old := range c {
		if old.indirect {
			continue
		}
		if old.owner == o.owner {
			if old.epoch > o.epoch {
				return old.ownership, true
			}
		} else if old.overlaps(o) && old.beats(o) {
			return old.ownership, true
		}
	}
	return ownership{}, false
}

// learn stores an ownership reported by its owner, unless it is refused.
func (c *ownershipTable) learn(o ownership, now time.Time) {
	if _, refused := c.refuses(o); !refused {
		c.store(tableEntry{ownership: o, received: now})
	}
}

// learnIndirect stores the part of a dead owner's ownership that no other owner has reported as its own, unless a later
// one is known.
func (c *ownershipTable) learnIndirect(o ownership, now time.Time) {
	for _, old := range *c {
		if !old.indirect && old.owner != o.owner {
			var some bool
			if o, some = o.without(old.ownership); !some {
				return
			}
		}
	}
	for _, old := range *c {
		if old.owner == o.owner && old.epoch >= o.epoch || old.owner != o.owner && old.overlaps(o) && old.beats(o) {
			return
		}
	}
	c.store(tableEntry{ownership: o, received: now, indirect: true})
}

// store stores an entry, and leaves of the present ones what it does not overlap.
func (c *ownershipTable) store(known tableEntry) {
	o := known.ownership
	kept := (*c)[:0]
	for _, old := range *c {
		if old.owner == o.owner {
			known.replicaSince = old.replicaSince
			continue
		}
		if old.overlaps(o) {
			left, some := old.without(o)
			if !some {
				continue
			}
			old.ownership = left
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
func (c ownershipTable) knows(o ownership) bool {
	return slices.ContainsFunc(c, func(known tableEntry) bool { return known.owner == o.owner && known.epoch >= o.epoch })
}

// alive drops the indirect entry of a member that has sent a message: only its own report counts.
func (c *ownershipTable) alive(p chord.Peer) {
	*c = slices.DeleteFunc(*c, func(old tableEntry) bool { return old.indirect && old.owner == p })
}

// hold notes that the owner treats this member as a replica.
func (c ownershipTable) hold(owner chord.Peer, now time.Time) {
	for i := range c {
		if c[i].owner == owner {
			c[i].replicaSince = now
		}
	}
}

// covering returns the entry that covers a point of the circle; there is one at most.
func (c ownershipTable) covering(id chord.ID) (tableEntry, bool) {
	for _, known := range c {
		if known.covers(id) {
			return known, true
		}
	}
	return tableEntry{}, false
}

// maxBelow bounds the entries further down that a survey returns: those of all members of a large host, in the usual
// case in which they are requested.
const maxBelow = 64

// down lists the entry that covers a point and the adjacent ones below it: at most so many, and none twice.
func (c ownershipTable) down(point chord.ID, most int32) (list []ownership) {
	for at := point; int32(len(list)) < most; {
		known, ok := c.covering(at)
		if !ok || len(list) > 0 && known.owner == list[0].owner {
			break
		}
		list, at = append(list, known.ownership), known.from
	}
	return list
}

// bury drops the entries that a takeover has made void: all that overlap the new range.
func (c *ownershipTable) bury(o ownership) {
	*c = slices.DeleteFunc(*c, func(old tableEntry) bool { return old.overlaps(o) })
}

// forget drops the entry of an owner.
func (c *ownershipTable) forget(owner chord.Peer) {
	*c = slices.DeleteFunc(*c, func(old tableEntry) bool { return old.owner == owner })
}
