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

// Held returns the part of an owner's range about which a leaver with identifier self asks, for a
// record at a point. A range that contains self is split there: in most cases it is the range that
// the receiver has just received, and records are held only on one side. last reports that this is
// the last part, once around the circle from self on.
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
