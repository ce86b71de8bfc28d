package ownership

import (
	"slices"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/kv/terms"
)

// MaxEntries bounds the ownership table. At the bound an indirect entry is dropped, or else the entry received
// longest ago: a takeover then depends on another member's entry, or on the rule for ranges without a known owner
// (package kv, inheritUnknown).
const MaxEntries = 512

// Table holds the ownerships of other members: those that they have reported themselves, and indirect ones of
// dead members (see referrals.go). No two overlap. Of two reported by their owners the one that beats the other stands,
// and an indirect one yields to every other; the one that yields keeps the remainder. The list is in the order in which
// owners were first received.
type Table []Entry

// An Entry is what is known of one owner.
type Entry struct {
	terms.Ownership
	Received     time.Time
	ReplicaSince time.Time // when the owner last treated this member as a replica; zero if it never did
	Indirect     bool      // reported by other members, after its owner had died
}

// Refuses returns the entry because of which o, reported by its own owner, is refused: a later one
// of the same owner, or an overlapping one that beats o. An indirect entry refuses nothing.
func (c Table) Refuses(o terms.Ownership) (terms.Ownership, bool) {
	for _, old := range c {
		if old.Indirect {
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

// Learn stores an ownership reported by its owner, unless it is refused.
func (c *Table) Learn(o terms.Ownership, now time.Time) {
	if _, refused := c.Refuses(o); !refused {
		c.store(Entry{Ownership: o, Received: now})
	}
}

// LearnIndirect stores the part of a dead owner's ownership that no other owner has reported as its own, unless a later
// one is known.
func (c *Table) LearnIndirect(o terms.Ownership, now time.Time) {
	for _, old := range *c {
		if !old.Indirect && old.Owner != o.Owner {
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
	c.store(Entry{Ownership: o, Received: now, Indirect: true})
}

// store stores an entry, and trims the present entries to what it does not overlap.
func (c *Table) store(known Entry) {
	o := known.Ownership
	kept := (*c)[:0]
	for _, old := range *c {
		if old.Owner == o.Owner {
			known.ReplicaSince = old.ReplicaSince
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
	if len(kept) > MaxEntries {
		least := 0
		for i := range kept {
			if a, b := kept[i], kept[least]; a.Indirect && !b.Indirect || a.Indirect == b.Indirect && a.Received.Before(b.Received) {
				least = i
			}
		}
		kept = slices.Delete(kept, least, least+1)
	}
	*c = kept
}

// Knows reports whether this or a later ownership of the same owner is in the table.
func (c Table) Knows(o terms.Ownership) bool {
	return slices.ContainsFunc(c, func(known Entry) bool { return known.Owner == o.Owner && known.Epoch >= o.Epoch })
}

// Alive drops the indirect entry of a member that has sent a message: only its own report counts.
func (c *Table) Alive(p chord.Peer) {
	*c = slices.DeleteFunc(*c, func(old Entry) bool { return old.Indirect && old.Owner == p })
}

// Hold notes that the owner treats this member as a replica.
func (c Table) Hold(owner chord.Peer, now time.Time) {
	for i := range c {
		if c[i].Owner == owner {
			c[i].ReplicaSince = now
		}
	}
}

// Covering returns the entry that covers a point of the circle; there is one at most.
func (c Table) Covering(id chord.ID) (Entry, bool) {
	for _, known := range c {
		if known.Covers(id) {
			return known, true
		}
	}
	return Entry{}, false
}

// MaxBelow bounds the entries further down that a survey returns: those of all members of a large host, in the usual
// case in which they are requested.
const MaxBelow = 64

// Down lists the entry that covers a point and the adjacent ones below it: at most so many, and none twice.
func (c Table) Down(point chord.ID, most int32) (list []terms.Ownership) {
	for at := point; int32(len(list)) < most; {
		known, ok := c.Covering(at)
		if !ok || len(list) > 0 && known.Owner == list[0].Owner {
			break
		}
		list, at = append(list, known.Ownership), known.From
	}
	return list
}

// Bury drops the entries that a takeover has made void: all that overlap the new range.
func (c *Table) Bury(o terms.Ownership) {
	*c = slices.DeleteFunc(*c, func(old Entry) bool { return old.Overlaps(o) })
}

// Forget drops the entry of an owner.
func (c *Table) Forget(owner chord.Peer) {
	*c = slices.DeleteFunc(*c, func(old Entry) bool { return old.Owner == owner })
}
