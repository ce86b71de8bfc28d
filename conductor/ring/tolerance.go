package ring

import "slices"

// A Tolerance is how many members or hosts may fail at the same instant, whichever they are, so that the ring and its
// keys certainly survive. It leaves out what is uncertain.
type Tolerance struct {
	Pointers int // members, so that each of the others keeps a live successor
	Keys     int // hosts, so that each key keeps a replica
	Hosts    int // hosts, so that both hold
}

// tolerance computes the Tolerance, at O(N r), if a pointer, a member's status or a host has changed.
func (r *Ring) tolerance() Tolerance {
	if !r.tolerated {
		r.tolerated = true
		r.pointerTolerances = r.leastTolerance()
	}
	replicas := r.needed
	if r.shorts > 0 {
		r.tree.all(func(x *record) {
			if x.short && x.load.val.OwnedKeys > 0 {
				replicas = min(replicas, int(x.load.val.FullReplicas))
			}
		})
	}
	return Tolerance{
		Pointers: r.pointerTolerances.members, Keys: max(0, replicas-1), Hosts: max(0, min(r.pointerTolerances.hosts, replicas-1)),
	}
}

// A pointerTolerance is how many members of one successor list, and how many of their hosts, may fail: the least number
// over the lists of all certain members.
type pointerTolerance struct{ members, hosts int }

func (r *Ring) leastTolerance() pointerTolerance {
	r.rankAll()
	least := pointerTolerance{-1, -1}
	for _, x := range r.live {
		if !x.sure {
			continue
		}
		members, hosts := r.toleranceOf(x)
		if members == r.counted-1 { // the list names all other members, so the member itself can be the last one
			hosts = len(r.hosts) - 1
		} else { // one of the members that the list names must stay
			members, hosts = members-1, hosts-1
		}
		if least.members < 0 {
			least = pointerTolerance{members, hosts}
		}
		least = pointerTolerance{min(least.members, members), min(least.hosts, hosts)}
	}
	return pointerTolerance{max(least.members, 0), max(least.hosts, 0)}
}

// toleranceOf counts the distinct live members that a list names, and their hosts.
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
