package keeper

import (
	"slices"
	"time"

	"chordconductor/node/chord"
)

// maxClaims bounds what a member remembers of others' ownership. At the bound the one heard longest ago is forgotten:
// then another member, or the rule for ranges that nobody knows of, has to do at a takeover.
const maxClaims = 512

// claims is what a member has heard of others' ownership, from them or about them. No two overlap: the one that beats
// the other stands, and the other keeps what is left of it. The list is in the order in which owners were first heard.
type ownershipTable []tableEntry

type tableEntry struct {
	ownership
	received     time.Time
	replicaSince time.Time // when the owner last treated this member as a holder of its copies; zero: never
}

// refuses returns the claim because of which o is refused: a later word of the same owner, or an overlapping one that
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

// learn notes an ownership unless it is refused.
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
	if len(kept) >= maxClaims {
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

// hold notes that the owner treats this member as a holder of its copies.
func (c ownershipTable) hold(owner chord.Peer, now time.Time) {
	for i := range c {
		if c[i].owner == owner {
			c[i].replicaSince = now
		}
	}
}

// covering is the claim on a point of the circle; there is one at most.
func (c ownershipTable) covering(id chord.ID) (tableEntry, bool) {
	for _, known := range c {
		if known.covers(id) {
			return known, true
		}
	}
	return tableEntry{}, false
}

// maxBelow bounds the claims further down that a survey names: those of all members of a large host, mostly, which is when
// they are asked for.
const maxBelow = 64

// down lists the claim on a point and those that follow each other below it: at most so many, and none twice.
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

// bury drops what a takeover has made void: all claims that overlap the new range.
func (c *ownershipTable) bury(o ownership) {
	*c = slices.DeleteFunc(*c, func(old tableEntry) bool { return old.overlaps(o) })
}

// forget drops what an owner is believed to own.
func (c *ownershipTable) forget(owner chord.Peer) {
	*c = slices.DeleteFunc(*c, func(old tableEntry) bool { return old.owner == owner })
}
