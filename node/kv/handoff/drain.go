package handoff

import (
	"chordconductor/node/chord"
	"chordconductor/node/kv/terms"
)

// A HeldRange is the part of one owner's range of which a leaver holds records. It may drop them when that owner
// confirms that R hosts that stay hold the same.
type HeldRange struct {
	terms.Arc
	Owner  chord.Peer
	Digest uint64 // if known: the digest of the records when the owner had the newest version of each
	Known  bool
}

// Held returns the part of an owner's range that a leaver with an identifier asks about for a record at a point. A range
// that contains the identifier is split there: mostly it is the range that the receiver has just got, of which records
// are held on one side. last reports that it is the last part, once around the circle from the identifier on.
func Held(own terms.Ownership, self, point chord.ID) (h HeldRange, last bool) {
	h = HeldRange{Arc: own.Arc(), Owner: own.Owner}
	if h.Covers(self) {
		if last = chord.Owns(h.From, point, self); last {
			h.To = self
		} else {
			h.From = self
		}
	}
	return h, last
}
