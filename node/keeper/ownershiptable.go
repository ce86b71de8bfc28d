package keeper

import (
	"slices"
	"time"

	"chordconductor/node/chord"
)

// maxTableEntries bounds the ownership table. At the bound the entry received longest ago is dropped: a takeover then
// depends on another member's entry, or on the rule for ranges without a known owner (inheritUnknown).
const maxTableEntries = 512

// ownershipTable holds the ownerships of other members, received from them or from third members. No two overlap: the
// one that beats the other stands, and the other keeps the remainder. The list is in the order in which owners were
// first received.
type ownershipTable []tableEntry

type tableEntry struct {
	ownership
	received     time.Time
	replicaSince time.Time // when the owner last treated this member as a replica; zero: never
}

// refuses returns the entry because of which o is refused: a later one of the same owner, or an overlapping one that
// beats it.
func (c ownershipTable) refuses(o ownership) (ownership, bool) {
	for _, old := range c {
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

// learn stores an ownership unless it is refused.
func (c *ownershipTable) learn(o ownership, now time.Time) {
	if _, refused := c.refuses(o); refused {
		return
	}
	known := tableEntry{ownership: o, received: now}
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
	if len(kept) >= maxTableEntries {
		oldest := 0
		for i := range kept {
			if kept[i].received.Before(kept[oldest].received) {
				oldest = i
			}
		}
		kept = slices.Delete(kept, oldest, oldest+1)
	}
	*c = append(kept, known)
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
