package modelcheck

// The fine model: a query is answered at one instant and the answer applied at a later one. In between the asker has
// this operation under way: it answers BUSY to queries for its pointers, and notifies and leavers wait. A joiner is no
// member until it has applied the answer.
//
// A query is a step only if its answer will change something. Other queries only make the asker BUSY for a moment.

func (s *scene) stabilizeInSteps(t int) {
	c := s.cells[t].pointers()
	p := s.cells[t].pending()
	target := p.target()
	at := s.at(t, target)
	switch p.stage() {
	case idle:
		s.asks(t)
	case asked:
		_, candidate := s.headAlive(c, target.distance(), p.answer())
		s.turns(copyList, t, at, s.cells[t].withPointers(s.expected(t)).with(s.follow(t, candidate)))
	case following:
		if !s.worth(t, target) {
			s.turns(giveUp, t, at, s.cells[t].with(0))
		} else if s.copyable(at) {
			s.turns(askCandidate, t, at, s.cells[t].with(newPending(askedCandidate, target, s.cells[at])))
		}
	case askedCandidate:
		s.turns(adopt, t, at, s.cells[t].withPointers(s.expected(t)).with(idle))
	}
}

// stabilizeRemembering lies between the coarse model and this one: a query and the use of its answer are one step, and
// so is the query of the candidate that the answer has named. Between the two anything may happen, but the candidate
// stays the same.
func (s *scene) stabilizeRemembering(t int) {
	c := s.cells[t].pointers()
	if p := s.cells[t].pending(); p.stage() == following {
		target := p.target()
		at := s.at(t, target)
		if !s.worth(t, target) {
			s.turns(giveUp, t, at, s.cells[t].with(idle))
		} else if s.copyable(at) {
			s.turns(adopt, t, at, s.cells[t].withPointers(s.candidateAlive(c, target.distance(), s.cells[at].pointers())).with(idle))
		}
		return
	}
	h, next, candidate, answers := s.queryHead(t, c)
	if !answers {
		return
	}
	if p := s.follow(t, candidate); next != c || p != idle {
		s.turns(copyList, t, h, s.cells[t].withPointers(next).with(p))
	}
}

func (s *scene) asks(t int) {
	c := s.cells[t].pointers()
	if s.merge {
		for q := range s.n {
			if d := s.distance(t, q); q != t && s.worth(t, ref(d)) && s.nearer(c, d) {
				s.turns(meet, t, q, s.cells[t].with(newPending(following, ref(d), 0)))
			}
		}
	}
	h, next, candidate, answers := s.queryHead(t, c)
	if !answers {
		return
	}
	switch {
	case next == c && s.follow(t, candidate) == idle:
	case c.succ(0) == 0: // its own answer needs no message
		s.turns(copyList, t, h, s.cells[t].withPointers(next).with(s.follow(t, candidate)))
	default:
		s.turns(ask, t, h, s.cells[t].with(newPending(asked, c.succ(0), s.cells[h])))
	}
}

// follow returns the query that continues a stabilize after its first query.
func (s *scene) follow(t int, candidate ref) pending {
	if candidate == 0 || !s.worth(t, candidate) {
		return idle
	}
	return newPending(following, candidate, 0)
}

// worth reports whether candidate is alive and is not leaving, so that sooner or later it answers.
func (s *scene) worth(t int, candidate ref) bool {
	return s.current(t, s.n, candidate) && (s.leaverAnswers || !s.left.has(s.at(t, candidate)))
}

// ofIncarnation corrects what an answer has changed if its sender has since failed and joined again.
func (s *scene) ofIncarnation(next, before cell, target ref) cell {
	if target&earlierIncarnation == 0 || next == before {
		return next
	}
	corrected := next.mapRefs(func(r ref) ref {
		if r.distance() == target.distance() {
			return r | earlierIncarnation
		}
		return r
	})
	if next.pred() == before.pred() {
		return corrected.withPred(next.pred()) // known from elsewhere
	}
	return corrected
}

func (s *scene) joinInSteps(j int, calm bool) {
	p := s.cells[j].pending()
	if p.stage() == asked {
		next := *s.ring
		next.born(j, s.n, s.expected(j))
		s.emit(event{join, j, s.at(j, p.target())}, &next)
		return
	}
	if !s.join || calm {
		return
	}
	for m := range s.n {
		if !s.live.has(m) || !s.copyable(m) {
			continue
		}
		d := s.distance(j, m)
		if _, ok := s.protocol.join(d, s.cells[m].pointers()); ok {
			next := *s.ring
			next.cells[j] = cell(0).with(newPending(asked, ref(d), s.cells[m]))
			s.spend(&next)
			s.emit(event{askToJoin, j, m}, &next)
		}
	}
}
