package terms

import (
	"iter"
	"slices"
	"time"

	"chordconductor/node/chord"
)

// Lapsed lists members that do not count for a while, oldest first: those taken for dead, or those about to leave. It has
// maxLapsed entries at most.
type Lapsed []lapse

type lapse struct {
	peer  chord.Peer
	until time.Time
}

const maxLapsed = 256 // four large hosts; beyond it the oldest is dropped, and detected again when it matters

// Add lists a member until the given time. It replaces the member's entry, if there is one.
func (l *Lapsed) Add(p chord.Peer, until time.Time) {
	l.Remove(p)
	if len(*l) == maxLapsed {
		*l = slices.Delete(*l, 0, 1)
	}
	*l = append(*l, lapse{p, until})
}

// Remove drops a member from the list, and reports whether it was there.
func (l *Lapsed) Remove(p chord.Peer) bool {
	n := len(*l)
	*l = slices.DeleteFunc(*l, func(entry lapse) bool { return entry.peer == p })
	return len(*l) < n
}

// Has reports whether a member is listed for longer than now.
func (l Lapsed) Has(p chord.Peer, now time.Time) bool {
	return slices.ContainsFunc(l, func(entry lapse) bool { return entry.peer == p && entry.until.After(now) })
}

// All lists the members listed for longer than now.
func (l Lapsed) All(now time.Time) iter.Seq[chord.Peer] {
	return func(yield func(chord.Peer) bool) {
		for _, entry := range l {
			if entry.until.After(now) && !yield(entry.peer) {
				return
			}
		}
	}
}

// Until returns the time until which a member is listed, or the zero time if it is not listed.
func (l Lapsed) Until(p chord.Peer) time.Time {
	if i := slices.IndexFunc(l, func(entry lapse) bool { return entry.peer == p }); i >= 0 {
		return l[i].until
	}
	return time.Time{}
}
