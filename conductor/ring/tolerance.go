package ring

import "slices"

// A Tolerance says how many members or hosts may fail at the same instant, whichever they are, so that the ring and its
// keys survive for certain. What is not certain counts for nothing.
type Tolerance struct {
	Pointers int // members, so that each of the others keeps a live successor
	Keys     int // hosts, so that each key keeps a replica
	Hosts    int // hosts, so that both hold
}

// tolerance is computed at O(N r), when a pointer, a member's standing or a host has changed.
func (r *Ring) tolerance() Tolerance {
	if !r.tolerated {
		r.tolerated = true
		r.pointerTolerances = r.pointerSpread()
	}
	copies := r.needed
	if r.shorts > 0 {
		r.tree.all(func(x *record) {
			if x.short && x.load.val.OwnedKeys > 0 {
				copies = min(copies, int(x.load.val.FullReplicas))
			}
		})
	}
	return Tolerance{
		Pointers: r.pointerTolerances.members, Keys: max(0, copies-1), Hosts: max(0, min(r.pointerTolerances.hosts, copies-1)),
	}
}

// pointerSpread is the least, over all certain members, of how many of a list's members, and of their hosts, may fail.
type pointerTolerance struct{ members, hosts int }

func (r *Ring) pointerSpread() pointerTolerance {
	r.rankAll()
	least := pointerTolerance{-1, -1}
	for _, x := range r.live {
		if !x.sure {
			continue
		}
		members, hosts := r.toleranceOf(x)
		if members == r.counted-1 { // it names everybody, so it can be the last
			hosts = len(r.hosts) - 1
		} else { // one of those named must stay
			members, hosts = members-1, hosts-1
		}
		if least.members < 0 {
			least = pointerTolerance{members, hosts}
		}
		least = pointerTolerance{min(least.members, members), min(least.hosts, hosts)}
	}
	return pointerTolerance{max(least.members, 0), max(least.hosts, 0)}
}

// spreadOf counts the distinct live members that a list names, and their hosts.
func (r *Ring) toleranceOf(x *record) (members, hosts int) {
	named, on := r.neighbors[:0], r.on[:0]
	at := x.rank + 1
	for i := range x.succ.val {
		p := &x.succ.val[i].Peer
		if !p.Real() {
			continue
		}
		rank, found := r.seek(*p, at%len(r.live))
		if !found {
			continue
		}
		at = rank + 1
		if y := r.live[rank]; y != x && y.sure && !slices.Contains(named, y) {
			named = append(named, y)
			if y.hosting != "" && !slices.Contains(on, y.hosting) {
				on = append(on, y.hosting)
			}
		}
	}
	r.neighbors, r.on = named, on
	return len(named), len(on)
}
