package replication

import (
	"slices"
	"time"

	"chordconductor/node/chord"
)

const (
	// Fallbacks is the number of fallback replicas that a new owner asks for records.
	Fallbacks = 3
	// maxJumps bounds the members surveyed for hosts further on. Each returns as many as a host list holds.
	maxJumps = 8
)

// ListLen returns how many entries of a host list are used, for R replicas: the replicas, one substitute for each, and
// fallbacks.
func ListLen(r int) int { return 2*(r-1) + Fallbacks }

// A Preference is the distinct hosts after a member, clockwise: of each host the first member met, because the virtual
// nodes of one host fail together. The first R-1 are the replicas; those after them are fallback replicas. The member's
// pointers name them (its successor list, then its host list, see chord.Hosts), so the list is never older than these:
// a host that was not found once is not taken for missing. Only while some of them count as lapsed are members asked
// for hosts further on.
type Preference struct {
	Hosts []chord.Peer // never changed in place
	List  []chord.Peer // the member's host list
	Lacks bool         // a host of the list is left out
	Open  bool         // a search is running, or has been interrupted: there may be hosts that it has not found

	self    chord.Peer
	head    chord.Peer
	further []chord.Peer // found beyond the list by searches
	next    time.Time    // there is no search before
}

// NewPreference makes the list of a member.
func NewPreference(self chord.Peer) Preference { return Preference{self: self} }

// Update recomputes the list from a member's successors and its host list, without those that are away: taken for dead
// or about to leave. It reports whether the first successor has changed.
func (w *Preference) Update(head chord.Peer, live, list []chord.Peer, away func(chord.Peer) bool) (headChanged bool) {
	headChanged = head != w.head
	w.head = head
	if !slices.Equal(list, w.List) {
		w.List, w.further, w.next = list, nil, time.Time{}
	}
	w.Hosts = w.distinct(nil, live, away) // may contain a second member of a host whose first one is about to leave
	w.Hosts = w.distinct(w.Hosts, w.List, away)
	w.Lacks = slices.ContainsFunc(w.List, func(p chord.Peer) bool { return !onHost(w.Hosts, p.Addr) })
	w.Hosts = w.distinct(w.Hosts, w.further, away)
	return headChanged
}

// distinct appends those peers that are on hosts not yet listed, and not away.
func (w *Preference) distinct(hosts, peers []chord.Peer, away func(chord.Peer) bool) []chord.Peer {
	for _, p := range peers {
		if p.Addr != w.self.Addr && !onHost(hosts, p.Addr) && !away(p) {
			hosts = append(slices.Clip(hosts), p)
		}
	}
	return hosts
}

// SearchSoon lets the next search begin at any time: another host has to be found.
func (w *Preference) SearchSoon() { w.next = time.Time{} }

// A Search is for hosts further on than a member's lists, by the lists of members there.
type Search struct {
	list  []chord.Peer // the host list when it began
	hosts []chord.Peer // the preference list then
	past  []chord.Peer // found
	at    chord.Peer   // the farthest
	want  int
	jumps int
	done  bool
}

// Search begins a search for more hosts if the list has fewer than want, because some have lapsed or the host list
// holds no more. It returns nil if no search is due: a list with fewer than complete entries names all hosts of the
// ring, and between two searches the time again must pass. With certain, a caller need not wait for that time while
// another search is running.
func (w *Preference) Search(want, complete int, certain bool, live func() []chord.Peer, dead func(chord.Peer) bool, now, again time.Time) *Search {
	whole := !w.Lacks && len(w.List) < complete // there are no others
	if len(w.Hosts) >= want || whole || now.Before(w.next) && !(certain && w.Open) {
		w.Open = w.Open && !whole
		return nil
	}
	w.next, w.Open = again, true
	s := &Search{list: w.List, hosts: w.Hosts, at: w.self, want: want}
	for _, p := range slices.Concat(live(), w.List) {
		if chord.Between(s.at.ID, p.ID, w.self.ID) && !dead(p) {
			s.at = p
		}
	}
	return s
}

// Ask returns the member to ask next. some is false when the search is over.
func (w *Preference) Ask(s *Search, away func(chord.Peer) bool) (p chord.Peer, some bool) {
	if s.jumps++; s.done || s.jumps > maxJumps || s.at == w.self || len(w.distinct(s.hosts, s.past, away)) >= s.want {
		return chord.Peer{}, false
	}
	return s.at, true
}

// Answered continues with the successors and the host list of the member asked.
func (w *Preference) Answered(s *Search, list []chord.Peer) {
	before := s.at
	for _, p := range list {
		if !chord.Between(before.ID, p.ID, w.self.ID) {
			s.done = true // once around the circle
		} else if chord.Between(s.at.ID, p.ID, w.self.ID) {
			s.past, s.at = append(s.past, p), p
		}
	}
	s.done = s.done || s.at == before
}

// Found ends a search, which may have failed because a member did not answer, and reports whether it still counts: the
// host list is the same. The caller updates the list then.
func (w *Preference) Found(s *Search, failed bool) bool {
	if !slices.Equal(s.list, w.List) {
		return false
	}
	if w.further, w.Open = s.past, failed; failed {
		w.next = time.Time{} // next by way of another member, because this one is dead
	}
	return true
}

// OnHost reports whether the host list names a member on a host.
func (w *Preference) OnHost(addr string) bool { return onHost(w.List, addr) }
