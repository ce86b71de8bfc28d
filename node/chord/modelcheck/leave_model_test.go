package modelcheck

import (
	"fmt"
	"slices"
	"strings"

	"chordconductor/node/chord"
)

// A second model: how members that leave hand over their ranges, and how a ring ends. Members are at places 0 to n-1,
// and member i owns a range that ends at i. The rules of package chord make the decisions.

const maxLeavers = 4

// leaveRules holds the rules of package chord; a test may replace one by a broken rule.
type leaveRules struct {
	receives    func(chord.Stance) bool
	turns       func(from chord.ID, complete []chord.Range) []int
	turn        func(to, from chord.ID) bool
	answer      func(s chord.Stance, mayEnd bool) chord.Stance
	mayTakeBack func(chord.Stance) bool
	decide      func(answers []chord.Stance, waited bool) chord.Verdict
}

func chordRules() leaveRules {
	return leaveRules{chord.Stance.Receives, chord.Turns, chord.Turn, chord.Stance.AnswerLastCall, chord.Stance.MayTakeBack, chord.DecideLastCall}
}

// A party is one member of the model.
type party struct {
	stance       chord.Stance
	mayEnd, gone bool
	silent, dead bool  // answers nothing for a while, or for good
	owns         bool  // (from, its own place]
	from         int8  // equal to its own place: the whole circle
	to           int8  // 1 + the receiver of its move; 0: none
	sent         bool  // the receiver has everything
	released     bool  // it does not answer for its range any more, and owns it until the receiver takes it over
	calling      bool  // it has announced a last call
	answered     uint8 // the members that have answered it
	credit       int8  // of its place: 1 from when its owner begins to leave to when it is transferred
	ended        bool  // it has ended with its owner
}

// leave marks the member as gone, and clears the other fields except credit and ended.
func (p *party) leave() { *p = party{gone: true, credit: p.credit, ended: p.ended} }

// A partyState is all members at one instant.
type partyState struct {
	members [maxLeavers]party
	backs   int8 // leaves cancelled so far for want of time
	faults  int8 // members that have become silent so far
}

// A leaveModel explores all states reachable from n members of which any may leave at any time.
type leaveModel struct {
	n             int
	rules         leaveRules
	backs, faults int8 // how many there may be
	unforced      bool // members may also leave by a command that is not forced
}

func (m *leaveModel) id(i int) chord.ID { return chord.ID{19: byte(10 + i)} }

// owned lists the places of a member's range.
func (m *leaveModel) owned(s *partyState, i int) (list []int) {
	if !s.members[i].owns {
		return nil
	}
	for at := (int(s.members[i].from) + 1) % m.n; ; at = (at + 1) % m.n {
		list = append(list, at)
		if at == i {
			return list
		}
	}
}

// owner is the member that answers, and owns a place, or -1.
func (m *leaveModel) owner(s *partyState, place int) int {
	for i := range m.n {
		if p := &s.members[i]; !p.dead && !p.silent && !p.released && slices.Contains(m.owned(s, i), place) {
			return i
		}
	}
	return -1
}

// receiver is the place of the member that i would hand over to, or -1.
func (m *leaveModel) receiver(s *partyState, i int) int {
	var after []chord.Peer
	at := map[chord.ID]int{}
	for d := 1; d < m.n; d++ {
		j := (i + d) % m.n
		if p := &s.members[j]; !p.gone && !p.dead {
			after = append(after, chord.Peer{ID: m.id(j), Addr: "host"})
			at[m.id(j)] = j
		}
	}
	p, found := chord.Receiver(after, func(p chord.Peer) chord.Stance {
		q := &s.members[at[p.ID]]
		switch {
		case q.silent || !q.owns:
			return chord.Silent
		case m.rules.receives(q.stance):
			return chord.Stays
		}
		return q.stance
	})
	if !found {
		return -1
	}
	return at[p.ID]
}

// expand calls emit for every step that is possible. A step from outside (a leave, a failure) may never happen.
func (m *leaveModel) expand(s partyState, emit func(what string, outside bool, next partyState)) {
	for i := range m.n {
		p := s.members[i]
		if p.gone || p.dead {
			continue
		}
		step := func(outside bool, what string, change func(n *partyState, p *party)) {
			next := s
			change(&next, &next.members[i])
			emit(fmt.Sprintf("%d %s", i, what), outside, next)
		}
		if p.silent {
			step(false, "answers again", func(_ *partyState, p *party) { p.silent = false })
			step(true, "is dead", func(_ *partyState, p *party) { p.dead = true })
			continue
		}
		if s.faults < m.faults {
			step(true, "falls silent", func(n *partyState, p *party) { p.silent, n.faults = true, n.faults+1 })
		}
		if p.owns && int(p.from) != i && s.members[p.from].dead && s.members[p.from].owns {
			step(false, "inherits", func(n *partyState, p *party) {
				below := &n.members[p.from]
				if p.stance != chord.Stays {
					for _, at := range m.owned(&s, int(p.from)) {
						n.members[at].credit = 1
					}
				}
				if p.from, below.owns = below.from, false; int(p.from) == i {
					p.from = int8(i)
				}
			})
		}
		if o := m.owner(&s, i); p.stance == chord.Stays && !p.owns && o >= 0 && s.members[o].to == 0 {
			step(false, fmt.Sprintf("claims its part of what %d owns", o), func(n *partyState, p *party) {
				p.owns, p.from = true, n.members[o].from
				n.members[o].from = int8(i)
			})
		}
		if p.stance == chord.Stays {
			for _, mayEnd := range []bool{true, false} {
				if mayEnd || m.unforced {
					step(true, fmt.Sprintf("begins to leave, may end: %v", mayEnd), func(n *partyState, p *party) {
						p.stance, p.mayEnd = chord.Leaves, mayEnd
						for _, at := range m.owned(&s, i) {
							n.members[at].credit = 1
						}
					})
				}
			}
			continue
		}
		m.leaves(s, i, p, step)
	}
}

// leaves calls step for each step that a leaver may take.
func (m *leaveModel) leaves(s partyState, i int, p party, step func(bool, string, func(*partyState, *party))) {
	back := func(_ *partyState, p *party) {
		p.stance, p.mayEnd, p.to, p.sent, p.calling, p.answered = chord.Stays, false, 0, false, false, 0
	}
	if m.rules.mayTakeBack(p.stance) && s.backs < m.backs && !p.released {
		step(true, "takes its leave back", func(n *partyState, p *party) { back(n, p); n.backs++ })
	}
	to := m.receiver(&s, i)
	switch {
	case !p.owns:
		step(false, "departs", func(_ *partyState, p *party) { p.leave() })
	case p.to != 0:
		r := int(p.to - 1)
		other := s.members[r]
		due := m.due(&s, r, i)
		switch {
		case p.released && (other.gone || other.dead || !other.silent && (!due || !other.owns || !m.rules.receives(other.stance))):
			step(false, "is let go", func(_ *partyState, p *party) { p.to, p.sent, p.released = 0, false, false })
		case p.released && other.silent:
		case p.released:
			if m.rules.turn(m.id(i), m.id(int(other.from))) {
				step(false, fmt.Sprintf("is taken over by %d", r), func(n *partyState, p *party) {
					for _, at := range m.owned(&s, i) {
						n.members[at].credit--
					}
					n.members[r].from = p.from
					p.owns, p.to, p.sent, p.released = false, 0, false, false
				})
			}
		case other.gone || other.dead || !other.owns || !m.rules.receives(other.stance) || to >= 0 && to != r:
			step(false, "gives its move up", func(_ *partyState, p *party) { p.to, p.sent = 0, false })
		case other.silent:
		case !p.sent:
			step(false, "has sent everything", func(_ *partyState, p *party) { p.sent = true })
		case due:
			step(false, fmt.Sprintf("releases to %d", r), func(_ *partyState, p *party) { p.released = true })
		}
	case to >= 0:
		step(false, fmt.Sprintf("begins to hand over to %d", to), func(_ *partyState, p *party) {
			p.to, p.calling, p.answered = int8(to+1), false, 0
		})
	case !p.mayEnd:
		step(false, "stays, since no other member does", back)
	case !p.calling:
		step(false, "announces a last call", func(_ *partyState, p *party) { p.stance, p.calling, p.answered = chord.Bound, true, 0 })
	default:
		m.calls(s, i, p, step)
	}
}

// due reports whether leaver i may now release the range that it has transferred to receiver r.
func (m *leaveModel) due(s *partyState, r, i int) bool {
	var complete []chord.Range
	var at []int
	for j := range m.n {
		if p := &s.members[j]; p.sent && int(p.to-1) == r && !p.gone {
			complete, at = append(complete, chord.Range{From: m.id(int(p.from)), To: m.id(j)}), append(at, j)
		}
	}
	return slices.ContainsFunc(m.rules.turns(m.id(int(s.members[r].from)), complete), func(n int) bool { return at[n] == i })
}

// calls calls step for each step of a last call.
func (m *leaveModel) calls(s partyState, i int, p party, step func(bool, string, func(*partyState, *party))) {
	answers := []chord.Stance{p.stance}
	waited := true
	for j := range m.n {
		q := s.members[j]
		if j == i || q.gone {
			continue
		}
		stance := chord.Silent
		if p.answered>>j&1 != 0 {
			stance = chord.Bound
		}
		answers = append(answers, stance)
		if stance == chord.Silent && !q.dead {
			waited = false // a member that answers at all does so in time
			if !q.silent {
				step(false, fmt.Sprintf("asks %d", j), func(n *partyState, p *party) {
					if answer := m.rules.answer(q.stance, q.mayEnd); answer == chord.Bound {
						p.answered |= 1 << j
						n.members[j].stance = chord.Bound
					} else {
						p.calling, p.answered = false, 0
					}
				})
			}
		}
	}
	if m.rules.decide(answers, waited) == chord.Agreed {
		step(false, "ends", func(n *partyState, p *party) {
			for _, at := range m.owned(&s, i) {
				n.members[at].ended = true
			}
			p.leave()
		})
	}
}

// wrong returns what must not be: a place that no member owns, or two do; one that has ended though a member stays; one
// that has been transferred more often than its owners have begun to leave.
func (m *leaveModel) wrong(s *partyState) string {
	var owners [maxLeavers]int
	for i := range m.n {
		for _, at := range m.owned(s, i) {
			owners[at]++
		}
	}
	for at := range m.n {
		p := s.members[at]
		if p.ended {
			owners[at]++
			for i := range m.n {
				if q := s.members[i]; !q.gone && !q.dead && q.stance == chord.Stays {
					return fmt.Sprintf("keys lost: those at %d have ended though %d stays", at, i)
				}
			}
		}
		if owners[at] != 1 {
			return fmt.Sprintf("owners: place %d has %d", at, owners[at])
		}
		if p.credit < 0 {
			return fmt.Sprintf("carried again: the keys at %d, to a member that leaves", at)
		}
	}
	return ""
}

// unsettled returns which leaver still waits when no internal step is left.
func (m *leaveModel) unsettled(s *partyState) string {
	for i := range m.n {
		if p := s.members[i]; !p.gone && !p.dead && p.stance != chord.Stays {
			return fmt.Sprintf("stuck: %d waits forever", i)
		}
	}
	return ""
}

func (m *leaveModel) write(s *partyState) string {
	var b strings.Builder
	for i := range m.n {
		p := s.members[i]
		fmt.Fprintf(&b, " [%d %d gone=%v silent=%v dead=%v owns=%v from=%d to=%d sent=%v released=%v calling=%v answered=%b]",
			i, p.stance, p.gone, p.silent, p.dead, p.owns, p.from, p.to-1, p.sent, p.released, p.calling, p.answered)
	}
	return b.String()
}
