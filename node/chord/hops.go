package chord

// Pointer says which of a member's pointers chose a hop.
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

// A Hop is a member that a lookup could visit next, and the pointer that names it.
type Hop struct {
	Peer    Peer
	Pointer Pointer
	Slot    int // finger slot (the lowest of its run), or index in the successor list
}

// NextHops is where a lookup of key goes on from this member: at most limit members, best first, none that dead (if not
// nil) reports. It is the only place where a next hop is chosen.
//
// If final, the key lies between the member and its first successor that is not dead, and the hops are believed owners:
// that successor, then the later ones as its substitutes. Otherwise they precede the key, the closest first, taken from
// the fingers and the successor list alike (ToN section IV.D and the note on successor lists in IV.E.3). No hop at all
// means that everybody known, or everybody before the key, is dead.
func NextHops(s State, fingers Fingers, key ID, dead func(Peer) bool, limit int) (hops []Hop, final bool) {
	return FillNextHops(make([]Hop, 0, max(limit, 1)), &s, fingers, key, dead)
}

// FillNextHops is NextHops into room of the caller's, which must be empty; its capacity is the limit.
func FillNextHops(hops []Hop, s *State, fingers Fingers, key ID, dead func(Peer) bool) ([]Hop, bool) {
	succ := s.Live()
	if len(succ) == 0 && len(fingers.runs) == 0 {
		return append(hops, Hop{Peer: s.Self, Pointer: PointerSelf}), true
	}
	final := false
	for i := range succ {
		p := &succ[i]
		final = final || owns(&s.Self.ID, &key, &p.ID)
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
	for i := len(fingers.runs) - 1; i >= 0; i-- {
		r := &fingers.runs[i]
		hops = insertHop(hops, &s.Self.ID, &key, &r.Peer, PointerFinger, r.First, dead)
	}
	for i := len(succ) - 1; i >= 0; i-- {
		hops = insertHop(hops, &s.Self.ID, &key, &succ[i], PointerSuccessor, i, dead)
	}
	return hops, false
}

// Substitute is who will own key once all members known to precede it have turned out to be dead: the first successor at
// or beyond key that dead does not report. It is where a lookup goes on from the last living member before the key, when
// those between have not been found dead yet.
func Substitute(s *State, key ID, dead func(Peer) bool) (Hop, bool) {
	for i, p := range s.Live() {
		if owns(&s.Self.ID, &key, &p.ID) && (dead == nil || !dead(p)) {
			return Hop{p, PointerSuccessor, i}, true
		}
	}
	return Hop{}, false
}

// insertHop puts a peer in its place among hops, which precede key, closest first, if it precedes key too and is among
// the cap(hops) closest. A later life of a member takes the place of an earlier one.
func insertHop(hops []Hop, self, key *ID, p *Peer, pointer Pointer, slot int, dead func(Peer) bool) []Hop {
	n := len(hops)
	bound := self
	if n == cap(hops) {
		bound = &hops[n-1].Peer.ID
	}
	if !between(bound, &p.ID, key) || dead != nil && dead(*p) {
		return hops
	}
	at := n
	for at > 0 && between(&hops[at-1].Peer.ID, &p.ID, key) {
		at--
	}
	if at > 0 && hops[at-1].Peer.ID == p.ID {
		if p.Incarnation > hops[at-1].Peer.Incarnation {
			hops[at-1] = Hop{*p, pointer, slot}
		}
		return hops
	}
	if n < cap(hops) {
		n++
		hops = hops[:n]
	}
	copy(hops[at+1:], hops[at:n-1])
	hops[at] = Hop{*p, pointer, slot}
	return hops
}
