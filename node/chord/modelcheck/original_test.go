package modelcheck

// original is Chord as first published (ToN section IV.E), on the same cells, to show that the checker finds what is
// wrong with it: a joiner knows one successor and no predecessor; stabilize adopts its successor's predecessor without
// a query; successor lists are repaired entry by entry. A successor of 0 means the member itself.
type original struct{ n, r int }

func (o original) between(a, b, c int) bool {
	b, c = (b-a+o.n)%o.n, (c-a+o.n)%o.n
	return b > 0 && (b < c || c == 0)
}

// prepend is the list of entries rest with one before it, up to its owner.
func (o original) prepend(distance int, rest []ref) cell {
	c := cell(0).withSucc(0, ref(distance))
	for i := 1; i < o.r && i <= len(rest) && rest[i-1].distance() != 0; i++ {
		c = c.withSucc(i, rest[i-1])
	}
	return c
}

func (o original) entries(c cell, from int) []ref {
	var out []ref
	for i := range o.r {
		if s := c.succ(i); s != 0 {
			out = append(out, ref((from+s.distance())%o.n)|s&earlierIncarnation)
		}
	}
	return out
}

func (o original) first() cell { return 0 }

func (o original) join(distance int, m cell) (cell, bool) {
	head := (distance + m.succ(0).distance()) % o.n
	return o.prepend(head, nil), o.between(distance, 0, head)
}

func (o original) headDead(c cell) cell {
	next := cell(0).withPred(c.pred())
	for i, e := range o.entries(c, 0)[1:] {
		next = next.withSucc(i, e)
	}
	return next
}

func (o original) headAlive(c cell, distance int, s cell) (cell, ref) {
	next := c
	if distance != 0 {
		next = o.prepend(distance, o.entries(s, distance)).withPred(c.pred())
	}
	x := (distance + s.pred().distance()) % o.n
	if s.pred() == 0 || !o.between(0, x, distance) {
		return next, 0
	}
	return next, ref(x) | s.pred()&earlierIncarnation
}

func (o original) candidateAlive(c cell, distance int, _ cell) cell {
	return o.prepend(distance, o.entries(c, 0)).withPred(c.pred())
}

func (o original) candidateDead(c cell, p ref) cell {
	return o.candidateAlive(c, p.distance(), 0).withSucc(0, p)
}

func (o original) nearer(cell, int) bool { return false }

func (o original) rectify(c cell, distance int) (cell, bool) {
	if c.pred() == 0 || o.between(c.pred().distance(), distance, 0) {
		return c.withPred(ref(distance)), false
	}
	return c, true
}

func (o original) predDead(c cell, _ int) cell { return c.withPred(0) } // check_predecessor

func (o original) successorDeparts(c cell, _ int, _ cell) cell   { return c }
func (o original) predecessorDeparts(c cell, _ int, _ cell) cell { return c }

// unchecked is today's protocol except that a candidate is adopted before it is known to be alive.
type unchecked struct{ *production }

func (u unchecked) candidateDead(c cell, p ref) cell {
	o := original{u.n, u.r}
	return o.candidateDead(c, p)
}
