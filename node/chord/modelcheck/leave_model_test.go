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
	answer      func(s chord.Stance, mayEnd bool) (answer, then chord.Stance) // to a last call, and the stance from then on
	mayTakeBack func(chord.Stance) bool
	decide      func(answers []chord.Stance, waited bool) chord.Verdict
}

func chordRules() leaveRules {
	return leaveRules{
		receives: chord.Stance.Receives, turns: chord.Turns, turn: chord.Turn,
		answer: func(s chord.Stance, mayEnd bool) (answer, then chord.Stance) {
			answer = s.AnswerLastCall(mayEnd)
			return answer, answer
		},
		mayTakeBack: chord.Stance.MayTakeBack, decide: chord.DecideLastCall,
	}
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
	handed       int8  // 1 + the member that has taken its range over, while it owns none; 0: none
	calling      bool  // it has announced a last call
	answered     uint8 // the members that have answered it
	credit       int8  // of its place: 1 from when its owner begins to leave to when it is transferred
	ended        bool  // it has ended with its owner
}

// leave marks the member as gone, and clears the other fields except credit and ended.
func (p *party) leave() { *p = party{gone: true, credit: p.credit, ended: p.ended} }

// stay cancels the member's leave. A range that is released still goes to its receiver, or comes back.
func (p *party) stay() {
	p.stance, p.mayEnd, p.calling, p.answered = chord.Stays, false, false, 0
	if !p.released {
		p.to, p.sent = 0, false
	}
}

// serves reports whether the member owns a range and answers for it.
func (p *party) serves() bool { return p.owns && !p.released }

// An act is what a member does, and with which other one, if any (none: -1). A fair run does not put an act off forever
// that is possible all the time.
type act struct {
	who  int8
	what string
	with int8
}

func (a act) String() string {
	if a.with < 0 {
		return fmt.Sprintf("%d %s", a.who, a.what)
	}
	return fmt.Sprintf("%d %s %d", a.who, a.what, a.with)
}

// A stepper adds a step: an act of the member whose steps are listed, alone (-1) or with another. A step from outside
// (a leave, a failure) may never happen.
type stepper func(outside bool, what string, with int, change func(*partyState, *party))

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

func (m *leaveModel) id(i int) chord.ID     { return chord.ID{19: byte(10 + i)} }
func (m *leaveModel) peer(i int) chord.Peer { return chord.Peer{ID: m.id(i), Addr: "host"} }
func (m *leaveModel) at(p chord.Peer) int   { return int(p.ID[19]) - 10 }

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

// receiver is the place of the member that i would hand over to, or -1. It reports unready if a member stays that owns
// no range yet.
func (m *leaveModel) receiver(s *partyState, i int) (place int, unready bool) {
	var after []chord.Peer
	for d := 1; d < m.n; d++ {
		if j := (i + d) % m.n; !s.members[j].gone && !s.members[j].dead {
			after = append(after, m.peer(j))
		}
	}
	p, found := chord.Receiver(after, func(p chord.Peer) chord.Stance {
		q := &s.members[m.at(p)]
		switch stays := m.rules.receives(q.stance); {
		case q.silent:
			return chord.Silent
		case stays && !q.serves():
			unready = true
			return chord.Silent
		case stays:
			return chord.Stays
		}
		return q.stance
	})
	if !found {
		return -1, unready
	}
	return m.at(p), false
}

// expand calls emit for every step that is possible.
func (m *leaveModel) expand(s partyState, emit func(a act, outside bool, next partyState)) {
	for i := range m.n {
		p := s.members[i]
		if p.gone || p.dead {
			continue
		}
		step := func(outside bool, what string, with int, change func(n *partyState, p *party)) {
			next := s
			change(&next, &next.members[i])
			emit(act{int8(i), what, int8(with)}, outside, next)
		}
		if p.silent {
			step(false, "answers again", -1, func(_ *partyState, p *party) { p.silent = false })
			step(true, "is dead", -1, func(_ *partyState, p *party) { p.dead = true })
			continue
		}
		if s.faults < m.faults {
			step(true, "falls silent", -1, func(n *partyState, p *party) { p.silent, n.faults = true, n.faults+1 })
		}
		if p.owns && int(p.from) != i && s.members[p.from].dead && s.members[p.from].owns {
			step(false, "inherits from", int(p.from), func(n *partyState, p *party) {
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
			step(false, "claims its part of what is owned by", o, func(n *partyState, p *party) {
				p.owns, p.from, p.handed = true, n.members[o].from, 0
				n.members[o].from = int8(i)
			})
		}
		if p.stance == chord.Stays {
			for _, mayEnd := range []bool{true, false} {
				if mayEnd || m.unforced {
					what := "begins to leave by a command"
					if mayEnd {
						what = "begins to leave, and may end"
					}
					step(true, what, -1, func(n *partyState, p *party) {
						p.stance, p.mayEnd = chord.Leaves, mayEnd
						for _, at := range m.owned(&s, i) {
							n.members[at].credit = 1
						}
					})
				}
			}
		}
		switch {
		case p.released:
			m.hands(s, i, p, step)
		case p.stance != chord.Stays:
			m.leaves(s, i, p, step)
		}
	}
}

// hands calls step for each step of a range that is released: its source may leave, or stay again.
func (m *leaveModel) hands(s partyState, i int, p party, step stepper) {
	r := int(p.to - 1)
	switch other := s.members[r]; {
	case other.gone || other.dead || !other.silent && (!m.due(&s, r, i) || !other.serves() || !m.rules.receives(other.stance)):
		step(false, "is let go", -1, func(_ *partyState, p *party) { p.to, p.sent, p.released = 0, false, false })
	case !other.silent && m.rules.turn(m.id(i), m.id(int(other.from))):
		step(false, "is taken over by", r, func(n *partyState, p *party) {
			for _, at := range m.owned(&s, i) {
				n.members[at].credit--
			}
			n.members[r].from = p.from
			p.owns, p.to, p.sent, p.released, p.handed = false, 0, false, false, int8(r+1)
		})
	}
}

// leaves calls step for each step that a leaver may take that has released nothing.
func (m *leaveModel) leaves(s partyState, i int, p party, step stepper) {
	if m.rules.mayTakeBack(p.stance) && s.backs < m.backs {
		step(true, "takes its leave back", -1, func(n *partyState, p *party) { p.stay(); n.backs++ })
	}
	to, unready := m.receiver(&s, i)
	switch {
	case !p.owns:
		m.splices(s, i, p, step)
	case p.to != 0:
		r := int(p.to - 1)
		switch other := s.members[r]; {
		case other.gone || other.dead || !other.serves() || !m.rules.receives(other.stance) || to >= 0 && to != r:
			step(false, "gives its move up", -1, func(_ *partyState, p *party) { p.to, p.sent = 0, false })
		case other.silent:
		case !p.sent:
			step(false, "has sent everything", -1, func(_ *partyState, p *party) { p.sent = true })
		case m.due(&s, r, i):
			step(false, "releases to", r, func(_ *partyState, p *party) { p.released = true })
		}
	case to >= 0:
		step(false, "begins to hand over to", to, func(_ *partyState, p *party) {
			p.to, p.calling, p.answered = int8(to+1), false, 0
		})
	case unready: // it waits for the one that stays to own a range
	default:
		m.last(s, i, p, step)
	}
}

// splices calls step for each step of a leaver that has handed its range over, or has none (node/member: splice).
func (m *leaveModel) splices(s partyState, i int, p party, step stepper) {
	head, after := -1, []chord.Peer{}
	for d := 1; d < m.n; d++ {
		if j := (i + d) % m.n; !s.members[j].gone && !s.members[j].dead {
			if after = append(after, m.peer(j)); head < 0 {
				head = j
			}
		}
	}
	departs := func() { step(false, "departs", -1, func(_ *partyState, p *party) { p.leave() }) }
	if head < 0 {
		departs()
		return
	}
	_, found := chord.Receiver(after, func(q chord.Peer) chord.Stance {
		if other := s.members[m.at(q)]; !other.silent {
			return other.stance
		}
		return chord.Silent
	})
	received := party{dead: true}
	if p.handed != 0 {
		received = s.members[p.handed-1]
	}
	switch {
	case received.silent && !received.dead: // it is asked until it answers, or is dead
	case found:
		departs()
	case received.gone || received.dead:
		m.last(s, i, p, step)
	case chord.DepartsFirst(m.peer(head), m.peer(i)): // it waits for its head
	default:
		departs()
	}
}

// last calls step for each step of a leaver that has found no member that stays.
func (m *leaveModel) last(s partyState, i int, p party, step stepper) {
	switch {
	case !p.mayEnd:
		step(false, "stays, since no other member does", -1, func(_ *partyState, p *party) { p.stay() })
	case !p.calling:
		step(false, "announces a last call", -1, func(_ *partyState, p *party) { p.stance, p.calling, p.answered = chord.Bound, true, 0 })
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
func (m *leaveModel) calls(s partyState, i int, p party, step stepper) {
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
				step(false, "asks", j, func(n *partyState, p *party) {
					answer, then := m.rules.answer(q.stance, q.mayEnd)
					if answer == chord.Bound {
						p.answered |= 1 << j
					} else {
						p.calling, p.answered = false, 0
					}
					if n.members[j].stance = then; then == chord.Stays {
						n.members[j].stay()
					}
				})
			}
		}
	}
	if m.rules.decide(answers, waited) == chord.Agreed {
		step(false, "ends", -1, func(n *partyState, p *party) {
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

// unsettled returns which leaver still waits when no internal step is left, or which member stays without a range. If
// members are dead their keys may be, too: then only leavers count.
func (m *leaveModel) unsettled(s *partyState) string {
	for i := range m.n {
		switch p := s.members[i]; {
		case p.gone || p.dead:
		case p.stance != chord.Stays:
			return fmt.Sprintf("stuck: %d waits forever", i)
		case !p.owns && !slices.ContainsFunc(s.members[:m.n], func(q party) bool { return q.dead }):
			return fmt.Sprintf("stuck: %d stays without a range", i)
		}
	}
	return ""
}

func (m *leaveModel) write(s *partyState) string {
	var b strings.Builder
	for i := range m.n {
		p := s.members[i]
		fmt.Fprintf(&b, " [%d %d gone=%v silent=%v dead=%v owns=%v from=%d to=%d sent=%v released=%v handed=%d calling=%v answered=%b]",
			i, p.stance, p.gone, p.silent, p.dead, p.owns, p.from, p.to-1, p.sent, p.released, p.handed-1, p.calling, p.answered)
	}
	return b.String()
}
