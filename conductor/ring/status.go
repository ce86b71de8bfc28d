package ring

import "time"

// status returns the status of the ring, computed over what is certain: pointers between certain members, and those to
// members that are certainly gone. Uncertain members do not influence the status; the certainty reports how many there
// are.
func (r *Ring) status(violated int, all bool) Status {
	n := r.tree.total().live
	compared := 2*n - r.sums.unknown // predecessors and heads
	switch failing := r.sums.total(n) > 0; {
	case violated > 0:
		return Violated
	case compared == 0 || !failing && n == 1 && !all: // a single certain member of several: there is nothing to compare it with
		return Unknown
	case !failing:
		return Ideal
	case !r.wasIdeal && r.now.Before(r.formedBy()):
		return Forming
	}
	return Repairing
}

// errorUnknown returns the number of pointers that the ring error leaves out: all pointers of a member that is
// uncertain or of which no event has been received, and pointers of certain members that name such a member.
func (r *Ring) errorUnknown(unseen int) int {
	pointers := 1 + max(r.parameters.listLen, 1)
	return (r.counted-r.tree.total().live+unseen)*pointers + r.sums.unknown + r.sums.blind
}

// form records whether the whole ring has been ideal for a grace: from then on it is no longer forming. A ring that has
// lost all its members may form again. Only Advance calls it, so that the order in which events arrive does not matter.
func (r *Ring) form() {
	n := r.tree.total().live
	ideal := n > 0 && n == r.counted && r.doubtful == 0 && r.sums.unknown == 0 && r.sums.total(n) == 0
	switch {
	case !ideal:
		r.idealSince = time.Time{}
		r.wasIdeal = r.wasIdeal && r.counted > 0
	case r.idealSince.IsZero():
		r.idealSince = r.now
	case !r.now.Before(r.idealSince.Add(r.opt.grace())):
		r.wasIdeal = true
	}
}
