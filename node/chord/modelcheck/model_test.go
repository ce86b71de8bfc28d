package modelcheck

// A model is a circle of n places with lists of r entries, and what may happen on it.
type model struct {
	n, r int
	protocol

	join, fail, leave bool
	limit             int  // bound on joins, failures and leaves together; 0: none
	merge             bool // members may meet any other by chance
	late              bool // notifies may be old: from any place, dead ones included, at any time
	remember          bool // a candidate is queried in a step of its own, when it may be out of date
	split             bool // the query and applying the answer are two steps, with BUSY and NOT_MEMBER between them
	neverBusy         bool // … but without BUSY, to see that it is needed
	leaverAnswers     bool // leaving members let others copy their pointers, to see that they must not
	failsFreely       bool // of the proof's assumptions about failures only: no member loses its last live successor
	overlooked        bool // lists under way do not count in what the proof assumes
	rotations         bool // visit every rotation of a ring, to see that it changes nothing

	broken func(*ring) string // what must hold in every state, if not the invariant: what is wrong, or nothing

	layout
	facts
	circle circle // for calls of package chord
}

func newModel(n, r int, set func(*model)) *model {
	m := &model{n: n, r: r, protocol: newProduction(n, r)}
	set(m)
	m.layout = newLayout(n, r, m.remember, m.split)
	m.facts = newFacts(n, r)
	m.circle = newProduction(n, r).circles[0]
	if m.broken == nil {
		m.broken = m.invariant
	}
	return m
}

// A scene is one state, of which the possible events are sought.
type scene struct {
	*model
	*ring
	live, left places // members, and those of them that are leaving
	emit       func(event, *ring)
}

// expand calls emit for every event that is possible in g and changes something.
func (m *model) expand(g *ring, emit func(event, *ring)) {
	s := scene{model: m, ring: g, emit: emit}
	for i, c := range g.cells[:m.n] {
		if c&alive != 0 {
			s.live |= 1 << i
		}
		if c&leaving != 0 {
			s.left |= 1 << i
		}
	}
	calm := m.limit > 0 && int(g.spent) == m.limit
	for t := range m.n {
		switch {
		case s.left.has(t):
			s.depart(t)
		case s.live.has(t):
			switch {
			case m.split:
				s.stabilizeInSteps(t)
			case m.remember:
				s.stabilizeRemembering(t)
			default:
				s.stabilize(t)
				s.meet(t)
			}
			s.rectify(t)
			if !calm {
				s.goes(t)
			}
		case m.split:
			s.joinInSteps(t, calm)
		case m.join && !calm:
			s.joins(t)
		}
	}
}

// becomes emits the event in which a member's pointers become c, if that changes them.
func (s *scene) becomes(k kind, member, with int, c cell) {
	if c != s.cells[member].pointers() {
		s.turns(k, member, with, s.cells[member].withPointers(c))
	}
}

// turns emits the event in which a member's cell becomes c.
func (s *scene) turns(k kind, member, with int, c cell) {
	next := *s.ring
	next.cells[member] = c
	s.emit(event{k, member, with}, &next)
}

// copyable reports whether a member answers a query for its pointers; if not it is BUSY.
func (s *scene) copyable(place int) bool {
	if s.left.has(place) {
		return s.leaverAnswers
	}
	p := s.cells[place].pending().stage()
	return p == idle || p == following || s.neverBusy
}

// queryHead is the first query of a stabilize: the member that t with pointers c queries, t's pointers after the
// answer, and the candidate that the answer names. If the head is dead or BUSY, answers is false: a dead head is
// handled in a separate step, and a BUSY one is queried again later.
func (s *scene) queryHead(t int, c cell) (h int, next cell, candidate ref, answers bool) {
	head := c.succ(0)
	h = s.at(t, head)
	if head != 0 && !s.current(t, s.n, head) {
		s.becomes(dropHead, t, h, s.headDead(c))
		return h, c, 0, false
	}
	if !s.copyable(h) {
		return h, c, 0, false
	}
	next, candidate = s.headAlive(c, head.distance(), s.cells[h].pointers())
	return h, next, candidate, true
}

// stabilize: in the coarse model a query and the use of its answer are one step. Between the two queries of one
// stabilize anything may happen.
func (s *scene) stabilize(t int) {
	c := s.cells[t].pointers()
	h, next, candidate, answers := s.queryHead(t, c)
	if !answers {
		return
	}
	s.becomes(copyList, t, h, next)
	if candidate == 0 {
		return
	}
	// Whether the member has copied the list before does not matter: it takes the candidate's instead.
	p := s.at(t, candidate)
	if !s.current(t, s.n, candidate) {
		s.becomes(adopt, t, p, s.candidateDead(c, candidate))
	} else if s.copyable(p) {
		s.becomes(adopt, t, p, s.candidateAlive(c, candidate.distance(), s.cells[p].pointers()))
	}
}

func (s *scene) meet(t int) {
	if !s.merge {
		return
	}
	c := s.cells[t].pointers()
	for q := range s.n {
		if d := s.distance(t, q); q != t && s.live.has(q) && s.copyable(q) && s.nearer(c, d) {
			s.becomes(meet, t, q, s.candidateAlive(c, d, s.cells[q].pointers()))
		}
	}
}

// rectify emits the steps in which t handles notifies; t must have nothing else under way.
func (s *scene) rectify(t int) {
	c := s.cells[t].pointers()
	if s.cells[t].pending() != 0 {
		return
	}
	for n := range s.n {
		head := s.cells[n].succ(0)
		timely := s.live.has(n) && !s.left.has(n) && s.at(n, head) == t && head&earlierIncarnation == 0
		if n == t || !timely && !s.late {
			continue
		}
		k := rectify
		if !timely {
			k = lateNotify
		}
		next, ping := s.protocol.rectify(c, s.distance(t, n))
		if ping && !s.current(t, s.n, c.pred()) {
			next = s.predDead(c, s.distance(t, n))
		}
		s.becomes(k, t, n, next)
	}
}

func (s *scene) joins(j int) {
	for at := range s.n {
		if !s.live.has(at) || !s.copyable(at) {
			continue
		}
		if c, ok := s.protocol.join(s.distance(j, at), s.cells[at].pointers()); ok {
			next := *s.ring
			next.born(j, s.n, c)
			s.spend(&next)
			s.emit(event{join, j, at}, &next)
		}
	}
}

// goes emits the steps in which member t fails or begins to leave. Both have the same condition.
func (s *scene) goes(t int) {
	if !s.fail && !s.leave || !s.mayFail(t) {
		return
	}
	if s.fail {
		next := *s.ring
		next.died(t, s.n)
		s.spend(&next)
		s.emit(event{fail, t, t}, &next)
	}
	if s.leave && s.cells[t].pending() == 0 {
		next := *s.ring
		next.cells[t] |= leaving
		s.spend(&next)
		s.emit(event{startLeave, t, t}, &next)
	}
}

// depart emits the steps of a leaving member: it sends Depart to its predecessor and its successor, or not, in any
// order, and is gone. Until then it answers BUSY to queries for its pointers, and applies only Depart of other leavers.
// A predecessor that has something under way makes it wait, except a query of the leaver itself: the answer to that
// does not count any more. A successor does not, since its list stays as it is.
func (s *scene) depart(t int) {
	c := s.cells[t].pointers()
	if p := s.at(t, c.pred()); s.current(t, s.n, c.pred()) {
		next := s.successorDeparts(s.cells[p].pointers(), s.distance(p, t), c)
		switch under := s.cells[p].pending(); {
		case under == 0:
			s.becomes(departToPredecessor, p, t, next)
		case under.stage() == asked && s.at(p, under.target()) == t && next != s.cells[p].pointers():
			s.turns(departToPredecessor, p, t, s.cells[p].withPointers(next).with(idle))
		}
	}
	if h := s.at(t, c.succ(0)); s.current(t, s.n, c.succ(0)) {
		s.becomes(departToSuccessor, h, t, s.predecessorDeparts(s.cells[h].pointers(), s.distance(h, t), c))
	}
	next := *s.ring
	next.died(t, s.n)
	s.emit(event{endLeave, t, t}, &next)
}

func (s *scene) spend(g *ring) {
	if s.limit > 0 {
		g.spent++
	}
}

func (m *model) at(place int, r ref) int   { return (place + r.distance()) % m.n }
func (m *model) distance(from, to int) int { return (to - from + m.n) % m.n }
