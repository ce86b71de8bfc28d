package ring

import (
	"slices"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// Member returns the member with an identifier, or nil.
func (v *View) Member(id chord.ID) *Member {
	at, found := slices.BinarySearchFunc(v.Members, id, func(m *Member, id chord.ID) int { return m.ID.Compare(id) })
	if !found {
		return nil
	}
	return v.Members[at]
}

// Gone reports whether the member has left or failed: it has no part in the ring any more, and its state is the last one
// received.
func (m *Member) Gone() bool { return m.Status == Left || m.Status == Failed }

// Names reports whether a reference to a member can be to a live one. A reference to a member that is gone, or to an
// earlier incarnation, cannot.
func (v *View) Names(p chordevent.PeerRef) bool {
	if !p.Real() {
		return false
	}
	m := v.Member(p.ID)
	return m == nil || !m.Gone() && (m.Incarnation <= p.Incarnation || p.Incarnation == 0)
}

// Successor returns the first entry of a member's successor list that can be alive. ok is false if there is none.
func (v *View) Successor(m *Member) (p chordevent.PeerRef, ok bool) {
	i := slices.IndexFunc(m.Successors, v.Names)
	if i < 0 {
		return chordevent.PeerRef{}, false
	}
	return m.Successors[i], true
}
