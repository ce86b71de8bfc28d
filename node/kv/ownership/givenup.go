package ownership

import (
	"slices"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/kv/terms"
)

// A member that has served ranges of other owners, because it took them for dead, gives up all of
// these at the first owner that it meets. The other owners do not learn of this, and lack what was
// written here. So the member stores what it has given up until the records have been returned:
// with the first call of an owner of a part of it, that owner learns that its range has been served
// here.

// maxGivenUp bounds the ranges given up, and for each the owners that have everything of it. At the bound the oldest is
// dropped: what is held of it returns all the same, but the owner may be read before.
const maxGivenUp = 64

type givenUp struct {
	terms.Arc
	until    time.Time
	returned []chord.Peer // owners of a part of it that lack nothing any more
}

// giveUp notes an arc that this member has served until now.
func (r *Register) giveUp(a terms.Arc, now time.Time) {
	r.given = slices.DeleteFunc(r.given, func(g givenUp) bool { return !now.Before(g.until) })
	if len(r.given) == maxGivenUp {
		r.given = slices.Delete(r.given, 0, 1)
	}
	r.given = append(r.given, givenUp{Arc: a, until: now.Add(r.fresh)})
}

// GaveUp reports whether this member has served a part of an owner's range a short while ago, and the owner may lack
// what was written here.
func (r *Register) GaveUp(o terms.Ownership, now time.Time) bool {
	return slices.ContainsFunc(r.given, func(g givenUp) bool {
		return now.Before(g.until) && g.Overlaps(o.Arc()) && !slices.Contains(g.returned, o.Owner)
	})
}

// Returned notes that an owner has everything that was written here.
func (r *Register) Returned(owner chord.Peer) {
	for i := range r.given {
		if g := &r.given[i]; !slices.Contains(g.returned, owner) {
			if len(g.returned) == maxGivenUp {
				g.returned = slices.Delete(g.returned, 0, 1)
			}
			g.returned = append(g.returned, owner)
		}
	}
}
