package ownership

import (
	"slices"
	"time"

	"chordconductor/node/chord"
)

// A host is one failure domain. If several of its members have answered no try of a query, and none has sent a message
// since, the host is silent: its other members count as dead, and are not asked, when a range is to be taken over.
// Otherwise each batch of them that other members refer to, or that turns up below a range, would cost its time limits.
// A host that has died with many members is one such case, owners that a hostile peer has invented are another.

const (
	// SilentMembers is how many members of a host must be silent. Of one the calls may have been lost, twice in a row.
	SilentMembers = 2
	// maxSilentHosts bounds the hosts stored as silent, and those whose latest message is stored. At the bound the oldest is
	// dropped: its members are asked one by one.
	maxSilentHosts = 64
)

// Silences are the hosts with silent members, oldest first, and the times of the latest messages from hosts.
type Silences struct {
	silent   []hostSilence
	contacts []hostContact
}

type hostSilence struct {
	addr    string
	members []chord.Peer // at most SilentMembers
	until   time.Time
}

type hostContact struct {
	addr string
	at   time.Time
}

// Contact notes a message from a host.
func (s *Silences) Contact(addr string, now time.Time) {
	s.silent = slices.DeleteFunc(s.silent, func(h hostSilence) bool { return h.addr == addr })
	s.contacts = slices.DeleteFunc(s.contacts, func(c hostContact) bool { return c.addr == addr })
	if len(s.contacts) == maxSilentHosts {
		s.contacts = slices.Delete(s.contacts, 0, 1)
	}
	s.contacts = append(s.contacts, hostContact{addr, now})
}

// Note notes that a member has not answered a query that began at a time. If its host has sent a message since, it is
// the member alone that is silent, or the query was lost.
func (s *Silences) Note(p chord.Peer, began, until time.Time) {
	if slices.ContainsFunc(s.contacts, func(c hostContact) bool { return c.addr == p.Addr && !c.at.Before(began) }) {
		return
	}
	h := hostSilence{addr: p.Addr}
	if i := slices.IndexFunc(s.silent, func(h hostSilence) bool { return h.addr == p.Addr }); i >= 0 {
		h = s.silent[i]
		s.silent = slices.Delete(s.silent, i, i+1)
	} else if len(s.silent) == maxSilentHosts {
		s.silent = slices.Delete(s.silent, 0, 1)
	}
	if h.until = until; len(h.members) < SilentMembers && !slices.Contains(h.members, p) {
		h.members = append(slices.Clip(h.members), p)
	}
	s.silent = append(s.silent, h)
}

// Has reports whether a host is silent.
func (s *Silences) Has(addr string, now time.Time) bool {
	return slices.ContainsFunc(s.silent, func(h hostSilence) bool {
		return h.addr == addr && len(h.members) == SilentMembers && h.until.After(now)
	})
}
