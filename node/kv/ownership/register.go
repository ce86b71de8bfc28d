package ownership

import (
	"slices"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/kv/terms"
)

const (
	maxReclaims = 4 // within the time that a finding counts: then the member steps down instead (Yield)
	maxDisputes = 8 // beyond it a dispute is dropped: it comes up again with the next refusal
)

// A Register is the ownership register of a member, with everything that decides how it changes.
type Register struct {
	Table    Table    // what others own
	Silences Silences // hosts of which several members are silent

	self   chord.Peer
	fresh  time.Duration
	own    *terms.Ownership // nil: empty
	filled bool             // before, in this incarnation

	disputes   []terms.Ownership // because of which this member's own was refused; at most maxDisputes
	unverified []terms.Ownership // table entries to be verified; at most maxUnverified
	given      []givenUp         // ranges given up a short while ago; at most maxGivenUp
	reclaims   []time.Time       // when this member, wrongly taken for dead, last took its range back; at most maxReclaims

	claimed   chord.Peer // the owner from which this member last claimed its range
	doubt     bool       // the owner of the range below seems to own nothing
	row       int        // how many owners below are asked at once; grows while consecutive owners turn out to be dead; at most MaxBelow
	ownerless time.Time  // since when the range below, or with an empty register the whole ring, has no known live owner
}

// New makes the empty register of a member. For the time fresh, what a member has found out about others counts.
func New(self chord.Peer, fresh time.Duration) *Register {
	return &Register{self: self, fresh: fresh}
}

// Own returns the register, or nil if it is empty. The Ownership that it points to is never
// changed.
func (r *Register) Own() *terms.Ownership { return r.own }

// Filled reports whether the register has not been empty all the time in this incarnation.
func (r *Register) Filled() bool { return r.filled }

// Effects are what the caller has to do after a change, in this order.
type Effects struct {
	AbortHandoff  bool // give up the outgoing handoff, unless it has been released
	Changed       bool // the register has changed: inform all that depends on it, and publish it
	Before, After *terms.Ownership
	Recover       bool         // the range needs recovery:
	Sources       []chord.Peer // these members may hold records of it, besides its replicas
	Former        []chord.Peer // so may the owners from whom it was taken over
	Reconcile     bool         // there is something to find out, by calls
}

// and joins the effects of two steps.
func (e Effects) and(next Effects) Effects {
	if e.Changed && next.Changed {
		next.Before = e.Before
	} else if e.Changed {
		next.Changed, next.Before, next.After = true, e.Before, e.After
	}
	next.AbortHandoff = e.AbortHandoff || next.AbortHandoff
	next.Recover = e.Recover || next.Recover
	next.Sources = append(e.Sources, next.Sources...)
	next.Former = append(e.Former, next.Former...)
	next.Reconcile = e.Reconcile || next.Reconcile
	return next
}

// Set changes the register. It is emptied if own is nil.
func (r *Register) Set(own *terms.Ownership) Effects {
	before := r.own
	r.own = own
	r.filled = r.filled || own != nil
	if own == nil || before == nil {
		r.ownerless = time.Time{}
	}
	return Effects{Changed: true, Before: before, After: own}
}

// recovery returns the effect that the range needs recovery, or no effect if the register is empty.
func (r *Register) recovery(sources ...chord.Peer) Effects {
	if r.own == nil {
		return Effects{}
	}
	return Effects{Recover: true, Sources: sources}
}

// TakeOver makes this member the owner of (from, its own identifier], at an epoch above all known ones and the one
// given.
func (r *Register) TakeOver(from chord.ID, epoch int64) Effects {
	if r.own != nil {
		epoch = max(epoch, r.own.Epoch)
	}
	next := terms.Ownership{Owner: r.self, From: from}
	var former []chord.Peer
	for _, known := range r.Table {
		if known.Overlaps(next) {
			epoch, former = max(epoch, known.Epoch), append(former, known.Owner)
		}
	}
	next.Epoch = epoch + 1
	r.Table.Bury(next)
	return Effects{AbortHandoff: true, Former: former}.and(r.Set(&next)).and(r.recovery())
}

// Yield resolves an overlap with the range of a live owner whose ownership beats this member's, and reports whether the
// other ownership stands unchanged. Each of two owners keeps the part that precedes it on the circle, up to the other
// one. So this member gives up what lies below the other owner, if its range covers that owner. If the other's range
// covers this member, this member was wrongly taken for dead: it takes its range back with a greater epoch and recovers
// it, because the other owner has accepted writes meanwhile. If that happens repeatedly, because calls get through in
// one direction only, it steps down and claims its range like a joiner. Its records of a range given up stay, as
// orphaned replicas to be returned to the owner.
func (r *Register) Yield(to terms.Ownership, now time.Time) (stands bool, e Effects) {
	e.AbortHandoff = true
	next := *r.own
	next.Epoch = max(r.own.Epoch, to.Epoch) + 1
	if r.own.Covers(to.Owner.ID) {
		next.From = to.Owner.ID
		r.giveUp(terms.Arc{From: r.own.From, To: next.From}, now)
	}
	if !to.Covers(r.self.ID) {
		return true, e.and(r.Set(&next))
	}
	since := now.Add(-r.fresh)
	r.reclaims = slices.DeleteFunc(r.reclaims, func(at time.Time) bool { return at.Before(since) })
	if len(r.reclaims) == maxReclaims {
		r.reclaims = nil
		r.giveUp(r.own.Arc(), now)
		return true, e.and(r.Set(nil))
	}
	r.reclaims = append(r.reclaims, now)
	r.doubt = true // the other one gives up the ranges below as well, for which there may be no owner then
	return false, e.and(r.Set(&next)).and(r.recovery(to.Owner))
}

// raise gives the present range a new epoch, above that of a contesting ownership that is outdated.
func (r *Register) raise(above int64) Effects {
	next := *r.own
	next.Epoch = max(r.own.Epoch, above) + 1
	return Effects{AbortHandoff: true}.and(r.Set(&next))
}
