package chord

// Ring maintenance. A member runs one operation at a time: it queries one other member, then applies the answer with
// one of the functions below. "Dead" means that the query got no answer in time, that the answer came from another
// incarnation than the one queried, or that it was NOT_MEMBER.
//
//	stabilize: query Head. Dead: HeadDead, and query the new head immediately. Live: HeadAlive; if it returns a candidate,
//	           query that one too: live: CandidateAlive, dead: nothing. Finally notify Head.
//	notify:    the receiver runs Rectify, and PredDead if the ping that it requires gets no answer.

// Joins reports whether identifier j lies between m's member and its head, so that a member with it joins right behind
// m's member. It must be applied to the list that m itself returned, not to what a lookup reported about m.
func Joins(m Neighbors, j ID) bool { return j != m.Peer.ID && Between(m.Peer.ID, j, m.Head().ID) }

// Join is the first state of a new member right behind m, for which Joins holds: it takes m's list, and m as its
// predecessor.
func Join(space Space, self Peer, r int, m Neighbors) State {
	return State{Self: self, Pred: m.Peer, Succ: compose(space, self.ID, r, m.Head(), tail(m.Succ))}
}

// HeadDead drops the first successor, which has been found dead. The list moves up and ends in a placeholder.
func HeadDead(space Space, s State) State {
	s.Succ = compose(space, s.Self.ID, len(s.Succ), Peer{}, tail(s.Succ))
	return s
}

// HeadAlive is Zave's StabilizeFromSuccessor: the head has answered with n, and the member's new
// list is the head followed by the head's list. If follow is true, the head's predecessor is a
// candidate that would be a nearer successor: query it, and pass its answer to CandidateAlive.
// Otherwise notify the head.
//
// A member without a real successor is its own head and "answers" itself. This is how a ring's
// first member finds its first joiner: the joiner has notified the first member and thereby become
// its predecessor, so the candidate is the joiner. If the joiner is dead, PredDead with the zero
// Peer removes it.
func HeadAlive(space Space, s State, n Neighbors) (next State, candidate Peer, follow bool) {
	s.Succ = compose(space, s.Self.ID, len(s.Succ), n.Peer, n.Succ)
	return s, n.Pred, Nearer(s, n.Pred)
}

// CandidateAlive is Zave's StabilizeFromPredecessor: the candidate has answered with n, so it is
// alive and becomes the head, and the member's new list is the candidate followed by the
// candidate's list. The state is unchanged if the candidate no longer lies between the member and
// its head.
func CandidateAlive(space Space, s State, n Neighbors) State {
	if Nearer(s, n.Peer) {
		s.Succ = compose(space, s.Self.ID, len(s.Succ), n.Peer, n.Succ)
	}
	return s
}

// Nearer reports whether q would be a nearer successor than the head. A member that receives such a q, from any peer,
// queries it and passes the answer to CandidateAlive; nothing is adopted unchecked. This is also how two rings merge.
func Nearer(s State, q Peer) bool {
	return q.Real() && q.ID != s.Self.ID && Between(s.Self.ID, q.ID, s.Head().ID)
}

// Rectify applies a notify: the notifier believes that it is the member's predecessor. A nearer one, or a later
// incarnation of the same member, becomes the predecessor without a check: predecessors enter a successor list only
// after a query. For any other notifier ping is true: ping the old predecessor, and call PredDead if it is dead.
func Rectify(s State, notifier Peer) (next State, ping bool) {
	switch {
	case !notifier.Real() || notifier.ID == s.Self.ID:
		return s, false
	case notifier.ID == s.Pred.ID && s.Pred.Real():
		if notifier.Incarnation > s.Pred.Incarnation {
			s.Pred = notifier
		}
		return s, false
	case !s.Pred.Real() || Between(s.Pred.ID, notifier.ID, s.Self.ID):
		s.Pred = notifier
		return s, false
	}
	return s, true
}

// PredDead replaces a predecessor that has been found dead by the notifier, or by none if that is the zero Peer.
func PredDead(s State, notifier Peer) State {
	s.Pred = predecessor(s.Self, notifier)
	return s
}

// SuccessorDeparts copies the list of a leaving head. A leaver that is not the head changes nothing.
func SuccessorDeparts(space Space, s State, leaver Peer, leaverSucc []Peer) State {
	if leaver.Real() && leaver == s.Head() && leaver.ID != s.Self.ID {
		s.Succ = compose(space, s.Self.ID, len(s.Succ), Peer{}, leaverSucc)
	}
	return s
}

// PredecessorDeparts copies the predecessor of a leaving predecessor. Any other leaver changes nothing.
func PredecessorDeparts(s State, leaver, leaverPred Peer) State {
	if leaver.Real() && leaver == s.Pred {
		s.Pred = predecessor(s.Self, leaverPred)
	}
	return s
}

// predecessor returns p, or no peer if p cannot be a predecessor of self.
func predecessor(self, p Peer) Peer {
	if !p.Real() || p.ID == self.ID {
		return Peer{}
	}
	return p
}

func tail(list []Peer) []Peer {
	if len(list) == 0 {
		return nil
	}
	return list[1:]
}
