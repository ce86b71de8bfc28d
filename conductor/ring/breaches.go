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
	maxShown  = 100 // violations in a view that still hold; the status and the counts include them all
	maxHealed = 100 // violations in a view that healed; the oldest are dropped
	maxNamed  = 32  // members that one violation names
)

// A breachKey is a condition and the member that breaks it, nil for a condition on the whole ring. So there are at most
// five breaches for each member, and three more.
type breachKey struct {
	condition string
	of        *record
}

// A breach is a condition that does not hold. A breach of a condition on a single list is a violation immediately,
// since that list is fully known; a breach of any other condition becomes a violation after its grace.
type breach struct {
	breachKey
	since   time.Time
	cause   trace.TraceID
	raised  bool   // the breach is a violation
	round   uint64 // number of the last check that found the breach
	detail  string // of a breach that check found
	short   shortfall
	members []chord.ID
}

// local reports whether a condition concerns the list of a single member.
func local(condition string) bool {
	return condition == chord.OrderedSuccessorLists || condition == chord.NoDuplicates
}

// breach records that a condition does not hold. If the condition is one on a single member, of is that member.
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

// graceEnd returns when a breach becomes a violation. That is not before the end of forming: the invariant is
// inductive, so it does not apply to a ring whose members have all only begun to find each other.
func (r *Ring) graceEnd(b *breach) time.Time {
	end := b.since.Add(r.opt.grace())
	if b.condition == UnderReplicated {
		return b.since.Add(replicaGrace)
	}
	if b.round == 0 { // a seam between ranges: it is part of no invariant, and events find it, which have no time to check all members
		return end
	}
	if formed := r.formedBy(); end.Before(formed) {
		return formed
	}
	return end
}

// formingGraces is the age of the oldest member, in graces, at which a ring is no longer forming.
const formingGraces = 15

// formedBy returns the instant until which the ring may be forming, whatever its size. It depends on the members' own
// incarnations, so that neither the start of the conductor nor the order of events matters.
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

// resolveBreach removes the breach of condition by `of`, since the condition holds again or the member is gone. It
// reports whether the breach was a violation.
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

// closeAll resolves all breaches of one member.
func (r *Ring) closeAll(x *record) {
	for _, c := range []string{chord.OrderedSuccessorLists, chord.NoDuplicates, chord.LiveSuccessor, UnderReplicated} {
		r.resolveBreach(c, x)
	}
}

// raise makes violations of the breaches whose grace is over.
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
		if !r.isCertain(b) {
			r.others.by(r.now.Add(r.opt.grace()))
			continue
		}
		b.raised, changed = true, true
	}
	return changed
}

// checkList checks the conditions on a single list for x's list.
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

// listRuns reports whether the real entries of x's list run clockwise and stop before x, as both local conditions
// require.
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

// stateOf returns a member's pointers as a chord.State.
func stateOf(x *record) chord.State {
	s := chord.State{Self: chord.Peer{ID: x.id, Addr: x.host.Address, Incarnation: x.inc}, Pred: x.pred.val.Peer}
	for _, p := range x.succ.val {
		s.Succ = append(s.Succ, p.Peer)
	}
	return s
}

// violation returns a breach in the form that readers of the view see.
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
		v.Detail = "no member owns the keys right before its range"
		if b.condition == OwnershipOverlap {
			v.Detail = "its range reaches past the owner before it"
		}
	case UnderReplicated:
		if b.short == (shortfall{}) { // restored, and not reported since
			b.short = r.shortfall(x)
		}
		v.Detail = b.short.String()
	case chord.LiveSuccessor:
		v.Detail = fmt.Sprintf("none of its %d successors is alive", len(x.succ.val))
	}
	return v
}

// violations returns the violations that still hold, oldest first, then those that healed, newest first.
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

// countOpen counts the violations that still hold: of the ring's conditions, of ownership, and of replication.
func (r *Ring) countOpen() (ofRing, gaps, overlaps, short int) {
	for _, b := range r.breaches {
		switch {
		case !b.raised || b.of != nil && b.of.doubtful: // a violation of an uncertain member still holds, and is not certain
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
