package chord

import "slices"

// Leaving. A leaver hands its range to the first member after it that stays, whatever leaves in between, concurrently
// with the other leavers. Adjacent ranges are released to a receiver concurrently, too, and taken over in order, from
// the receiver's own downwards. If no member stays that could receive, a last call finds out whether the ring ends.
// node/member and node/kv carry this out; the checker in modelcheck explores every order of these steps.

// A Stance is a member's answer about its own leave.
type Stance uint8

const (
	Silent Stance = iota // no answer: it is dead, or will answer later
	Stays
	Leaves // it may still cancel its leave
	Bound  // it has answered a last call: it cannot cancel its leave
)

// Receiver returns the member to which a leaver hands off its range: the first member that stays,
// of the members after the leaver, nearest first. So each byte is transferred once, however many
// neighbors leave at the same time. A silent member is skipped: if it is dead, the receiver
// inherits its range; otherwise it is queried again before the release.
func Receiver(after []Peer, stance func(Peer) Stance) (Peer, bool) {
	for _, p := range after {
		if stance(p).Receives() {
			return p, true
		}
	}
	return Peer{}, false
}

// Receives reports whether a member takes part in a handoff as its receiver.
func (s Stance) Receives() bool { return s == Stays }

// Turn reports whether a receiver whose own range begins at from may take over a released range that ends at to. Ranges
// below it wait, so that the receiver owns one contiguous range.
func Turn(to, from ID) bool { return to == from }

// A Range is the arc (From, To] of the circle.
type Range struct{ From, To ID }

// Turns lists, of the ranges that are complete at a receiver whose own range begins at from, those that may be released
// to it, in the order of their turns: each ends where the one before begins. A source that has released its range owns
// it until the receiver takes it over, but does not answer for it. It answers again only if the receiver rejects the
// range, because it is not in this list any more, or is dead.
func Turns(from ID, complete []Range) (turns []int) {
	for {
		i := slices.IndexFunc(complete, func(r Range) bool { return Turn(r.To, from) })
		if i < 0 || slices.Contains(turns, i) {
			return turns
		}
		turns, from = append(turns, i), complete[i].From
	}
}

// DepartsFirst decides between two adjacent leavers that have handed everything over, second being the first successor
// of first: it reports whether second departs before first does. If so, the list that first sends begins with a member
// that stays. Of two leavers on either side of identifier 0 neither waits for the other, so that among any number of
// leavers one may leave.
func DepartsFirst(second, first Peer) bool { return second.ID.Compare(first.ID) > 0 }

// DepartingList returns the part of its successor list that a leaver sends when it departs: from
// the first member that stays to the end, so that the leavers before that member may end
// immediately. It is the whole list if stays is not in it.
func DepartingList(succ []Peer, stays Peer) []Peer {
	return succ[max(slices.Index(succ, stays), 0):]
}

// AnswerLastCall returns a member's stance from its answer to a last call on. A leaver that may end
// with its keys is bound. Any other leaver takes its leave back before it answers: the member that
// asks has found no other that could receive, so this one must, even if it has already handed off
// its own range. If it only promised to stay, each would wait for the other.
func (s Stance) AnswerLastCall(mayEnd bool) Stance {
	if s == Bound || s == Leaves && mayEnd {
		return Bound
	}
	return Stays
}

// MayTakeBack reports whether a leaver that cannot hand off its range may stay. It may not after it
// has answered a last call: the members that asked may have ended because of the answer.
func (s Stance) MayTakeBack() bool { return s == Leaves }

// A Verdict is the result of a last call.
type Verdict uint8

const (
	Waiting   Verdict = iota // for members that have not answered
	Cancelled                // some member stays
	Agreed                   // no member stays: the ring ends
)

// DecideLastCall decides a last call by the answers of all known members. A silent member has until the end of the wait
// to answer that it stays.
func DecideLastCall(answers []Stance, waited bool) Verdict {
	v := Agreed
	for _, s := range answers {
		switch {
		case s.Receives():
			return Cancelled
		case s == Silent && !waited:
			v = Waiting
		}
	}
	return v
}
