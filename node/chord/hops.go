package chord

import "slices"

// Pointer is the kind of a member's pointer that chose a hop.
type Pointer uint8

const (
	PointerFinger Pointer = iota + 1
	PointerSuccessor
	PointerSelf // the member is alone
)

func (p Pointer) String() string {
	switch p {
	case PointerFinger:
		return "finger"
	case PointerSuccessor:
		return "successor"
	case PointerSelf:
		return "self"
	}
	return "none"
}

// A Hop is a member that a lookup could visit next, and the pointer to it.
type Hop struct {
	Peer    Peer
	Pointer Pointer
	Slot    int // finger slot (the lowest of its run), or index in the successor list
}

// NextHops lists the next hops of a lookup of key from this member: at most limit, best first. Peers for which dead (if
// not nil) returns true are left out. It calls Routes.Next; a caller that chooses often from the same pointers stores
// their Routes.
func NextHops(s State, fingers Fingers, key ID, dead func(Peer) bool, limit int) (hops []Hop, final bool) {
	r := NewRoutes(s, fingers)
	return r.Next(make([]Hop, 0, max(limit, 1)), &key, dead)
}

// Routes is a member's fingers and successor list, sorted once for all the lookups that choose from them: an immutable
// value, to be made again when one of them changes.
type Routes struct {
	self Peer
	succ []Peer
	ways []Hop // nearest clockwise first; of one identifier the latest incarnation last; of one peer the greatest finger, else the successor
}

// NewRoutes sorts a member's pointers.
func NewRoutes(s State, fingers Fingers) Routes {
	succ := s.Live()
	r := Routes{s.Self, succ, make([]Hop, 0, len(fingers.runs)+len(succ))}
	for i := len(fingers.runs) - 1; i >= 0; i-- {
		r.insert(Hop{fingers.runs[i].Peer, PointerFinger, fingers.runs[i].First})
	}
	for i := len(succ) - 1; i >= 0; i-- {
		r.insert(Hop{succ[i], PointerSuccessor, i})
	}
	return r
}

// insert inserts a hop in order, unless there is one to the same peer.
func (r *Routes) insert(h Hop) {
	at := len(r.ways)
	for ; at > 0; at-- {
		w := &r.ways[at-1]
		if w.Peer == h.Peer {
			return
		}
		if w.Peer.ID == h.Peer.ID && h.Peer.Incarnation > w.Peer.Incarnation || between(&r.self.ID, &w.Peer.ID, &h.Peer.ID) {
			break
		}
	}
	r.ways = slices.Insert(r.ways, at, h)
}

// Next lists the next hops of a lookup of key: hops, which must be empty, filled up to its capacity, best first,
// without peers that dead (if not nil) reports. It is the only place where a next hop is chosen.
//
// If final, the key lies between the member and its first successor that is not dead, and the hops are believed owners:
// that successor, then the later ones as its substitutes. Otherwise they precede the key, the closest first, taken from
// the fingers and the successor list alike (ToN section IV.D and the note on successor lists in IV.E.3), a member's
// later incarnation instead of an earlier one. No hop at all means that all known members, or all before the key, are
// dead.
func (r *Routes) Next(hops []Hop, key *ID, dead func(Peer) bool) ([]Hop, bool) {
	self := &r.self.ID
	if len(r.ways) == 0 {
		return append(hops, Hop{Peer: r.self, Pointer: PointerSelf}), true
	}
	final := false
	for i := range r.succ {
		p := &r.succ[i]
		final = final || owns(self, key, &p.ID)
		if dead != nil && dead(*p) {
			continue
		}
		if !final {
			break // a live successor precedes the key
		}
		if hops = append(hops, Hop{*p, PointerSuccessor, i}); len(hops) == cap(hops) {
			break
		}
	}
	if len(hops) > 0 {
		return hops, true
	}
	// From the farthest to the nearest: half of all keys lie beyond that, half of the others beyond the one before it,
	// and so on.
	for i := len(r.ways) - 1; i >= 0 && len(hops) < cap(hops); i-- {
		w := &r.ways[i]
		if !between(self, &w.Peer.ID, key) || dead != nil && dead(w.Peer) {
			continue
		}
		if n := len(hops); n == 0 || hops[n-1].Peer.ID != w.Peer.ID {
			hops = append(hops, *w)
		}
	}
	return hops, false
}

// Substitute returns the member that will own key once all members known to precede it have been
// found dead: the first successor at or after key that dead does not report. It is the next hop
// from the last live member before the key while the members between have not been found dead yet.
func (r *Routes) Substitute(key *ID, dead func(Peer) bool) (Hop, bool) {
	for i := range r.succ {
		if p := &r.succ[i]; owns(&r.self.ID, key, &p.ID) && (dead == nil || !dead(*p)) {
			return Hop{*p, PointerSuccessor, i}, true
		}
	}
	return Hop{}, false
}
