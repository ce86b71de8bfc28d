package ownership

import (
	"slices"
	"time"

	"chordconductor/node/kv/terms"
)

// A Verdict is the result of receiving an ownership from its owner. It is refused, in most cases
// because another one stands; or it stands, and this member has given up what it overlapped.
type Verdict struct {
	Refused     bool
	Implausible bool             // it is refused because of its epoch
	Conflict    *terms.Ownership // the ownership because of which it is refused; nil if there is another reason
	Overlapped  bool             // this member has served a part of it until now, or a short while ago
}

// Check refuses an ownership, received from its owner, that no owner in this ring can have sent, before anything else is
// concluded from the call.
func (r *Register) Check(o terms.Ownership) Verdict {
	if o.Owner.ID == r.self.ID {
		return Verdict{Refused: true} // the call comes from an earlier incarnation of this member
	}
	if known, is := r.Implausible(o); is {
		return Verdict{Refused: true, Implausible: true, Conflict: known}
	}
	return Verdict{}
}

// Meet evaluates an ownership received from its owner, after Check.
func (r *Register) Meet(o terms.Ownership, now time.Time) (Verdict, Effects) {
	e := r.Descend(o.Epoch)
	rival := r.own != nil && o.Overlaps(*r.own)
	if rival {
		stands := false
		if !r.own.Beats(o) {
			var yielded Effects
			stands, yielded = r.Yield(o, now)
			e = e.and(yielded)
		}
		if !stands { // until it yields, the other owner serves a part of this member's range
			return Verdict{Refused: true, Conflict: r.own}, e.and(r.recovery(o.Owner))
		}
	}
	if winner, refused := r.Table.Refuses(o); refused {
		return Verdict{Refused: true, Conflict: &winner}, e.and(r.doubtEntry(winner, o.Epoch))
	}
	r.Table.Learn(o, now)
	return Verdict{Overlapped: rival}, e
}

// Dispute notes an ownership because of which this member's own was refused.
func (r *Register) Dispute(conflict terms.Ownership) Effects {
	if len(r.disputes) < maxDisputes && !slices.Contains(r.disputes, conflict) {
		r.disputes = append(r.disputes, conflict)
		return Effects{Reconcile: true}
	}
	return Effects{}
}

// Disputed reports whether there are disputes to resolve.
func (r *Register) Disputed() bool { return len(r.disputes) > 0 }

// Disputes returns the ownerships that contest this member's, and empties the list. The caller asks
// their owners.
func (r *Register) Disputes() []terms.Ownership {
	list := r.disputes
	r.disputes = nil
	return list
}

// Rival reports whether an ownership overlaps this member's.
func (r *Register) Rival(o *terms.Ownership) bool {
	return r.own != nil && o != nil && o.Overlaps(*r.own)
}

// Resolve resolves a dispute. conflict is the ownership that contests this member's; theirs is what
// the owner of conflict, asked now, owns: nil if that owner is dead or owns nothing. If theirs
// overlaps this member's range, the one that the other beats (Beats) yields. Otherwise conflict is
// outdated, and this member raises its own epoch above conflict's.
func (r *Register) Resolve(conflict terms.Ownership, theirs *terms.Ownership, now time.Time) Effects {
	switch {
	case r.Rival(theirs) && theirs.Beats(*r.own):
		_, e := r.Yield(*theirs, now)
		return e
	case r.own != nil && conflict.Beats(*r.own):
		return r.raise(conflict.Epoch)
	}
	return Effects{}
}
