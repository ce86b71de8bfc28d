package member

import "sync"

// maxPassed bounds the recursive lookups that a member stores as passed on. At the bound the oldest
// is dropped: a later copy of it is passed on once more.
const maxPassed = 1024

// passed has the latest recursive lookups that a member has passed on. A hop whose answer is lost
// or late has accepted the lookup all the same, and the previous hop sends another copy to its next
// candidate. If copies were passed on like lookups, their number would grow with each hop, without
// bound on long paths.
type passed struct {
	mu     sync.Mutex
	known  map[passedLookup]bool
	latest []passedLookup // a ring buffer
	next   int            // index of the oldest entry when the buffer is full
}

type passedLookup struct {
	id    uint64
	final bool // a copy with another value has other next hops
}

// first stores the lookup, and reports whether it had not been stored before.
func (p *passed) first(id uint64, final bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := passedLookup{id, final}
	switch {
	case p.known[l]:
		return false
	case p.known == nil:
		p.known = make(map[passedLookup]bool)
	}
	p.known[l] = true
	if len(p.latest) < maxPassed {
		p.latest = append(p.latest, l)
		return true
	}
	delete(p.known, p.latest[p.next])
	p.latest[p.next] = l
	p.next = (p.next + 1) % maxPassed
	return true
}
