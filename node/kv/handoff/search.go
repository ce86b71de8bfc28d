package handoff

import (
	"fmt"

	"chordconductor/node/chord"
	"chordconductor/node/kv/terms"
)

// maxAsked bounds the members that a leaver asks to find one that stays. Beyond it the leave fails.
const maxAsked = 1 << 14

// A Search is a leaver's search for the member to which it hands off its range (chord.Receiver). It
// asks the head first, because in most cases the head stays; then the others of the successor list,
// concurrently; then members beyond.
type Search struct {
	self    chord.ID
	live    []chord.Peer // the leaver's successor list
	next    []chord.Peer
	asked   int
	unready bool // a member stays, and owns no range yet
}

// A Candidate is the answer of a member that a leaver asks.
type Candidate struct {
	Own        *terms.Ownership // nil if it owns nothing
	Successors []chord.Peer
	Leaving    bool
	Silent     bool // it has not answered
}

// NewSearch begins a search from a member's identifier by its successor list.
func NewSearch(self chord.ID, live []chord.Peer) *Search {
	return &Search{self: self, live: live, next: live[:min(len(live), 1)]}
}

// Ask returns the members to ask concurrently, or none if no member stays.
func (s *Search) Ask() []chord.Peer { return s.next }

// Answered returns the index of the receiver among the members asked, or -1.
func (s *Search) Answered(answers []Candidate) int {
	at := -1
	_, found := chord.Receiver(s.next, func(chord.Peer) chord.Stance {
		at++
		switch a := answers[at]; {
		case a.Silent:
			return chord.Silent
		case a.Leaving:
			return chord.Leaves
		case a.Own == nil:
			s.unready = true
			return chord.Silent
		}
		return chord.Stays
	})
	if !found {
		return -1
	}
	return at
}

// Beyond goes on to the members after those asked: the rest of the successor list, then the successors of the farthest
// member that answered. It returns an error if too many have been asked.
func (s *Search) Beyond(answers []Candidate) error {
	if s.asked += len(s.next); s.asked > maxAsked {
		return fmt.Errorf("none of the next %d members stays, so none can receive the range", s.asked)
	}
	last, candidates := s.next[len(s.next)-1], s.live
	for i := len(answers) - 1; i >= 0; i-- {
		if len(answers[i].Successors) > 0 {
			candidates = append(s.live[:len(s.live):len(s.live)], answers[i].Successors...)
			break
		}
	}
	s.next = nil
	for _, p := range candidates {
		if chord.Between(last.ID, p.ID, s.self) {
			s.next, last = append(s.next, p), p
		}
	}
	return nil
}

// Unready reports whether a member stays that owns no range yet: it may receive later.
func (s *Search) Unready() bool { return s.unready }
