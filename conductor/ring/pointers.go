package ring

import (
	"slices"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// The two pointers of a member whose right value follows from the member's place in the order of members.
const (
	predecessor = iota
	head
)

// A pointer is a predecessor or the head of a list, with its part of the ring error.
type pointer struct {
	to    *record // the record of the member that the pointer names; nil: it names none, or a placeholder
	inc   int64   // the incarnation that the pointer names
	index int     // in to.named
	cost  cost
}

// A cost is the sum of the ring error to which a pointer belongs.
type cost uint8

const (
	notCounted   cost = iota // the pointer's owner is not a certain member of the ring
	namesNone                // n members
	namesDead                // n + 1: what the pointer names is certainly no member
	namesMember              // the number of certain members strictly between the pointer's two ends
	namesUnknown             // neither right nor wrong: what the pointer names is uncertain
)

// errorSums holds the parts of the ring error of the certain members. chord.Global.RingError defines the ring error.
type errorSums struct {
	none    int // pointers
	dead    int // pointers
	unknown int // pointers that name something uncertain; they are in no other sum
	blind   int // entries after an unknown head: only the head's list determines what they should be
	between int // over all pointers that name a member, the members strictly between their ends
	wraps   int // of those pointers' arcs, the ones that run past identifier 0
	tails   int // entries after the head that differ from the head's list
}

// total returns the ring error of n members.
func (e *errorSums) total(n int) int {
	t := e.dead*(n+1) + e.between + e.tails
	if n > 1 { // a member that is alone rightly names none
		t += e.none * n
	}
	return t
}

// errorOf returns a member's share of the ring error in a ring of n members. Their ranks must be set.
func (x *record) errorOf(n int) int {
	if !x.sure {
		return 0
	}
	e := x.tail
	for k := range x.to {
		switch x.to[k].cost {
		case namesNone:
			if n > 1 {
				e += n
			}
		case namesDead:
			e += n + 1
		case namesMember:
			from, to := x.arc(k)
			e += (to.rank - from.rank - 1 + n) % n
		}
	}
	return e
}

// arc returns the two members that a pointer connects, in clockwise order.
func (x *record) arc(k int) (from, to *record) {
	if k == predecessor {
		return x.to[k].to, x
	}
	return x, x.to[k].to
}

// updatePointer makes a pointer name the peer that the member's register names.
func (r *Ring) updatePointer(x *record, k int) {
	p := &x.to[k]
	ref := x.pointerRegister(k)
	if !ref.Real() {
		ref = chordevent.PeerRef{}
	}
	if p.to != nil && p.to.id == ref.ID && p.inc == ref.Incarnation && ref.Real() || p.to == nil && !ref.Real() {
		r.addError(x, k)
		return
	}
	r.removeError(x, k)
	r.unlink(x, k)
	if ref.Real() {
		to := r.recordOf(ref.ID)
		*p = pointer{to: to, inc: ref.Incarnation, index: len(to.named[k])}
		to.named[k] = append(to.named[k], x)
		if !to.seen {
			r.keep(to)
		}
	}
	r.addError(x, k)
	r.noteCause(x)
}

// pointerRegister returns the value of a pointer's register.
func (x *record) pointerRegister(k int) chordevent.PeerRef {
	if k == predecessor {
		return x.pred.val
	}
	if len(x.succ.val) > 0 {
		return x.succ.val[0]
	}
	return chordevent.PeerRef{}
}

// unlink makes a pointer name no member. removeError must have taken it out of the sums.
func (r *Ring) unlink(x *record, k int) {
	p := &x.to[k]
	to := p.to
	if to == nil {
		return
	}
	last := len(to.named[k]) - 1
	moved := to.named[k][last]
	to.named[k][p.index] = moved
	moved.to[k].index = p.index
	to.named[k][last] = nil
	to.named[k] = to.named[k][:last]
	*p = pointer{}
	if !to.seen {
		r.keep(to)
	}
}

// addError adds a pointer to the sums, if its owner is counted.
func (r *Ring) addError(x *record, k int) {
	p := &x.to[k]
	if !x.sure || p.cost != notCounted {
		return
	}
	switch {
	case p.to == nil:
		p.cost = namesNone
		r.sums.none++
	case p.to.sure && p.to.countedAs == p.inc:
		p.cost = namesMember
		r.sumArc(x, k, +1)
	case p.to.isUnknown(p.inc):
		p.cost = namesUnknown
		r.sums.unknown++
	default:
		p.cost = namesDead
		r.sums.dead++
	}
}

// removeError takes a pointer out of the sums.
func (r *Ring) removeError(x *record, k int) {
	p := &x.to[k]
	switch p.cost {
	case namesNone:
		r.sums.none--
	case namesDead:
		r.sums.dead--
	case namesMember:
		r.sumArc(x, k, -1)
	case namesUnknown:
		r.sums.unknown--
	}
	p.cost = notCounted
}

func (r *Ring) sumArc(x *record, k, sign int) {
	from, to := x.arc(k)
	if from.id.Compare(to.id) >= 0 {
		r.sums.wraps += sign
	}
	r.sums.between += sign * r.tree.between(from, to)
	r.tree.add(from, weights{starts: sign})
	r.tree.add(to, weights{ends: sign})
}

// between returns the number of certain members strictly between two of them.
func (t *tree) between(from, to *record) int {
	n := t.before(to).live - t.before(from).live - from.own.live
	if from.id.Compare(to.id) >= 0 {
		n += t.total().live
	}
	return n
}

// A stance holds everything that decides the cost of the pointers that a record has, and of those that name it. The
// zero value is the stance of an identifier that only others name.
type stance struct {
	counted   bool              // the record is one of the ring's members
	sure      bool              // counted, and nothing about the member is uncertain: the ring error is computed over these
	unknown   bool              // the record may be a member of the ring, and is uncertain
	countedAs int64             // the incarnation that this is about
	rivalInc  int64             // a lower incarnation that emits events too; 0: none
	reported  [maxReports]int64 // incarnations reported dead
}

func (x *record) stanceNow() stance {
	if !x.seen {
		return stance{reported: x.reports.incarnations()}
	}
	counted := x.isMember(x.status)
	now := stance{counted, counted && !x.uncertain, x.doubtful, x.inc, 0, x.reports.incarnations()}
	if x.faults.has(TwoIncarnations) {
		now.rivalInc = x.rival.inc
	}
	return now
}

// isUnknown reports whether nothing certain is known of x's incarnation inc: it is uncertain, or no event of its own
// has arrived and no peer reports it dead.
func (x *record) isUnknown(inc int64) bool {
	if x.seen && inc <= x.countedAs {
		return inc == x.countedAs && x.unknown || inc == x.rivalInc && inc != 0
	}
	return !slices.Contains(x.reported[:], inc)
}

// updateStance updates a record's stance, the cost of every pointer that names the record or that it has, and the arcs
// that it lies in.
func (r *Ring) updateStance(x *record, now stance) {
	was := x.stance
	if now == was {
		return
	}
	for k := range x.to {
		r.removeError(x, k)
		for _, m := range x.named[k] {
			r.removeError(m, k)
		}
	}
	if was.sure != now.sure {
		sign := 1
		if was.sure {
			sign = -1
		}
		at := r.tree.before(x)
		r.sums.between += sign * (r.sums.wraps + at.starts - at.ends - x.own.ends)
		r.tree.add(x, weights{live: sign})
	}
	set(&x.counted, now.counted, &r.counted)
	x.stance = now
	r.noteCounted(was.counted, now.counted, was.countedAs, now.countedAs)
	for k := range x.to {
		r.addError(x, k)
		for _, m := range x.named[k] {
			r.addError(m, k)
		}
	}
	r.recountTail(x)
	for _, m := range x.named[head] {
		r.recountTail(m)
	}
	if n := r.tree.total().live; n <= 2 { // being alone, or no longer, changes what a list should contain
		for k := range n {
			r.recountTail(r.tree.live(k))
		}
	}
	r.noteCause(x)
}

// updateList applies a change of x's list.
func (r *Ring) updateList(x *record) {
	r.updatePointer(x, head)
	r.checkList(x)
	r.recountTail(x)
	for _, m := range x.named[head] {
		r.recountTail(m)
	}
	r.noteCause(x)
}

// recountTail counts the entries of x's list, after the first, that are not what its head's list determines.
func (r *Ring) recountTail(x *record) {
	tail, blind := 0, 0
	switch {
	case !x.sure:
	case x.to[head].cost == namesUnknown:
		blind = max(0, len(x.succ.val)-1)
	default:
		tail = r.tailErrors(x)
	}
	r.sums.tails += tail - x.tail
	r.sums.blind += blind - x.blind
	x.tail, x.blind = tail, blind
}

func (r *Ring) tailErrors(x *record) int {
	list := x.succ.val
	if len(list) == 0 {
		return 0
	}
	var rest []chordevent.PeerRef
	last := x.id
	switch p := &x.to[head]; {
	case p.cost == namesMember && p.to != x:
		rest, last = p.to.succ.val, p.to.id
	case r.tree.total().live == 1:
		last = r.space.Next(last)
	default:
		return len(list) - 1 // nothing determines what the list should be
	}
	if !x.unruly && samePeersAsHead(list[1:], rest) {
		return 0
	}
	wrong := 0
	var placeholder chord.Peer
	for k := range list[1:] {
		expected := &placeholder
		if k < len(rest) && rest[k].Real() && chord.Between(last, rest[k].ID, x.id) {
			expected = &rest[k].Peer
		} else {
			rest = rest[:min(k, len(rest))]
			placeholder = chord.Peer{ID: r.space.Next(last)}
		}
		if list[k+1].Peer != *expected {
			wrong++
		}
		last = expected.ID
	}
	return wrong
}

// samePeersAsHead reports whether the rest of a list, which runs clockwise and stops before its owner, is the beginning
// of its head's list. That is nearly always so, and then no entry is wrong. The slow comparison also checks the place
// of each entry on the circle, which is right in a list that runs clockwise.
func samePeersAsHead(list, heads []chordevent.PeerRef) bool {
	if len(list) > len(heads) {
		return false
	}
	for k := range list {
		a, b := &list[k].Peer, &heads[k].Peer
		if a.Incarnation != b.Incarnation || a.ID != b.ID || a.Addr != b.Addr || !a.Real() {
			return false
		}
	}
	return true
}

// noteCause records that x's pointers or status have changed, and which event changed them.
func (r *Ring) noteCause(x *record) {
	x.changedBy, x.cause = r.seq+1, r.by
	r.unchecked, r.tolerated = true, false
}
