package chord

import "slices"

// A host list is a successor list with one entry per host: the first distinct hosts after a member, clockwise, except
// the member's own host; each host is named by the first of its members in that order. Members have one because the
// virtual nodes of a host fail together: replicas of keys go to the first hosts of the list, which in a ring of few
// hosts with many virtual nodes may lie any distance past the end of the successor list.
//
// The list of a member follows from its head's: the head, then the entries of the head's list. So it is copied with the
// pointers, without a call of its own, and is never cached for longer than one stabilize round. As with successor
// lists, an entry that is out of circle order ends the list: the circle has closed. This also removes dead entries: the
// member right before a dead entry drops it, since from there it lies before its own head, and no list further back
// names it again.

// Hosts appends to dst the host list of a member, at most `most` entries, made from peers after it
// in circle order: its head, the head's successor list, and HostsPast of the head's host list.
func Hosts(dst []Peer, self Peer, most int, beyond ...[]Peer) []Peer {
	last := self.ID
	for _, part := range beyond {
		for _, p := range part {
			switch {
			case len(dst) >= most:
				return dst
			case !p.Real():
				continue
			case !Between(last, p.ID, self.ID):
				return dst
			}
			last = p.ID
			if p.Addr != self.Addr && !slices.ContainsFunc(dst, func(h Peer) bool { return h.Addr == p.Addr }) {
				dst = append(dst, p)
			}
		}
	}
	return dst
}

// HostsPast returns the part of a member's host list beyond its successor list: the hosts whose
// first member lies after the last entry of the successor list.
func HostsPast(s State, hosts []Peer) []Peer {
	n := realEntries(s.Succ)
	if n == 0 {
		return hosts
	}
	last := s.Succ[n-1].ID
	for i, p := range hosts {
		if Between(last, p.ID, s.Self.ID) {
			return hosts[i:]
		}
	}
	return nil
}
