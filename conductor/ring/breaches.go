package ring

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"go.opentelemetry.io/otel/trace"

	"chordconductor/node/chord"
)

const (
	maxShown  = 100 // violations in a view that stand; the status and the numbers count them all
	maxHealed = 100 // violations in a view that healed; the oldest go
	maxNamed  = 32  // members that one violation names
)

// A breachKey names a condition and the member that breaks it, nil for one that the members break together. So there
// are at most five breaches for each member, and three more.
type breachKey struct {
	condition string
	of        *record
}

// A breach is a condition that does not hold. It becomes a violation at once if it concerns a single list, which is
// known whole, and after its grace otherwise.
type breach struct {
	breachKey
	since   time.Time
	cause   trace.TraceID
	raised  bool   // it is a violation
	round   uint64 // of check, that last saw it
	detail  string // of those that check found
	short   shortfall
	members []chord.ID
}

// local says that a condition concerns one list alone.
func local(condition string) bool {
	return condition == chord.OrderedSuccessorLists || condition == chord.NoDuplicates
}

// breach notes that a condition does not hold.
func (r *Ring) breach(condition string, of *record) *breach {
	key := breachKey{condition, of}
	b := r.breaches[key]
	if b == nil {
		b = &breach{breachKey: key, since: r.now, cause: r.by, raised: local(condition)}
		r.breaches[key] = b
		if !b.raised {
			r.others.by(r.graceEnd(b))
		}
	}
	return b
}

// graceEnd is when a breach becomes a violation. The invariant is inductive: it says nothing of a ring whose members have
// all just begun to find each other.
func (r *Ring) graceEnd(b *breach) time.Time {
	end := b.since.Add(r.opt.grace())
	if b.condition == UnderReplicated {
		return b.since.Add(replicaGrace)
	}
	if b.round == 0 { // a seam between ranges: part of no invariant, and noted by events, which have no time to look at all members
		return end
	}
	if formed := r.formedBy(); end.Before(formed) {
		return formed
	}
	return end
}

// formingGraces is how many graces old the oldest member is when a ring is no longer taken to be forming.
const formingGraces = 15

// formedBy is until when the ring may be forming, whatever its size. It goes by the members' own births, so that it does
// not depend on when the conductor began to listen, nor on the order of events.
func (r *Ring) formedBy() time.Time {
	f := &r.formed
	if !f.known {
		*f = formed{oldest: math.MaxInt64, known: true}
		r.tree.all(func(x *record) {
			r.work++
			if x.counted {
				f.oldest = min(f.oldest, x.inc)
			}
		})
	}
	if f.oldest == math.MaxInt64 {
		return time.Time{}
	}
	return time.Unix(0, f.oldest).Add(formingGraces * r.opt.grace())
}

// mend notes that a condition holds, or that whom it concerned is gone, and says whether it was a violation.
func (r *Ring) resolveBreach(condition string, of *record) bool {
	key := breachKey{condition, of}
	b := r.breaches[key]
	if b == nil {
		return false
	}
	delete(r.breaches, key)
	if !b.raised {
		return false
	}
	v := r.violation(b)
	v.Healed = r.now
	if len(r.healed) == maxHealed {
		r.healed = slices.Delete(r.healed, 0, 1)
	}
	r.healed = append(r.healed, v)
	return true
}

// closeAll mends all that concerns one member.
func (r *Ring) closeAll(x *record) {
	for _, c := range []string{chord.OrderedSuccessorLists, chord.NoDuplicates, chord.LiveSuccessor, UnderReplicated} {
		r.resolveBreach(c, x)
	}
}

// raise makes violations of the breaches that have outlasted their grace.
func (r *Ring) raise() (changed bool) {
	r.witness.listed = false
	for _, b := range r.breaches {
		r.work++
		if b.raised {
			continue
		}
		if end := r.graceEnd(b); r.now.Before(end) {
			r.others.by(end)
			continue
		}
		if !r.knows(b) {
			r.others.by(r.now.Add(r.opt.grace()))
			continue
		}
		b.raised, changed = true, true
	}
	return changed
}

// checkList judges a member's list by itself.
func (r *Ring) checkList(x *record) {
	unruly := x.seen && !x.refused && !x.status.gone() && !listRuns(x)
	if !unruly && !x.unruly {
		return
	}
	x.unruly = unruly
	var broken []chord.Breach
	if unruly {
		broken = chord.ListBreaches(stateOf(x))
	}
	for _, c := range []string{chord.OrderedSuccessorLists, chord.NoDuplicates} {
		at := slices.IndexFunc(broken, func(b chord.Breach) bool { return b.Condition == c })
		if at < 0 {
			r.resolveBreach(c, x)
			continue
		}
		r.breach(c, x).detail = broken[at].Detail
	}
}

// listRuns says that a list's real entries run clockwise and stop before their owner, which both local conditions ask.
func listRuns(x *record) bool {
	last := x.id
	for i := range x.succ.val {
		p := &x.succ.val[i]
		if !p.Real() {
			continue
		}
		if !chord.Between(last, p.ID, x.id) {
			return false
		}
		last = p.ID
	}
	return true
}

// stateOf is a member's pointers in package chord's terms.
func stateOf(x *record) chord.State {
	s := chord.State{Self: chord.Peer{ID: x.id, Addr: x.host.Address, Incarnation: x.inc}, Pred: x.pred.val.Peer}
	for _, p := range x.succ.val {
		s.Succ = append(s.Succ, p.Peer)
	}
	return s
}

// violation is what readers see of a breach.
func (r *Ring) violation(b *breach) Violation {
	v := Violation{Condition: b.condition, Detail: b.detail, Members: b.members, Since: b.since, Trace: b.cause}
	x := b.of
	if x == nil {
		return v
	}
	v.Members = []chord.ID{x.id}
	switch b.condition {
	case OwnershipGap, OwnershipOverlap:
		if before := r.ownerFrom(r.tree.before(x).owners - 1); before != nil && before != x {
			v.Members = append(v.Members, before.id)
		}
		v.Detail = "nobody owns the keys right before its range"
		if b.condition == OwnershipOverlap {
			v.Detail = "its range reaches past the owner before it"
		}
	case UnderReplicated:
		if b.short == (shortfall{}) { // restored, and not reported since
			b.short = r.shortfall(x)
		}
		v.Detail = b.short.String()
	case chord.LiveSuccessor:
		v.Detail = fmt.Sprintf("none of its %d successors lives", len(x.succ.val))
	}
	return v
}

// violations are those that stand, oldest first, and those that healed, newest first.
func (r *Ring) violations() []Violation {
	if len(r.breaches)+len(r.healed) == 0 {
		return nil
	}
	var open []*breach
	for _, b := range r.breaches {
		if b.raised {
			open = append(open, b)
		}
	}
	slices.SortFunc(open, (*breach).compare)
	open = open[:min(len(open), maxShown)]
	out := make([]Violation, 0, len(open)+len(r.healed))
	for _, b := range open {
		out = append(out, r.violation(b))
	}
	for i := len(r.healed) - 1; i >= 0; i-- {
		out = append(out, r.healed[i])
	}
	return out
}

// compare orders breaches by age.
func (b *breach) compare(o *breach) int {
	n := cmp.Or(b.since.Compare(o.since), cmp.Compare(b.condition, o.condition))
	if n == 0 && b.of != nil && o.of != nil {
		n = b.of.id.Compare(o.of.id)
	}
	return n
}

// standing counts the violations that stand: of the ring's conditions, of ownership, and of replication.
func (r *Ring) standing() (ofRing, gaps, overlaps, short int) {
	for _, b := range r.breaches {
		switch {
		case !b.raised || b.of != nil && b.of.doubtful: // of an uncertain member it stands, and is not certain
		case b.condition == OwnershipGap:
			gaps++
		case b.condition == OwnershipOverlap:
			overlaps++
		case b.condition == UnderReplicated:
			short++
		default:
			ofRing++
		}
	}
	return ofRing, gaps, overlaps, short
}
