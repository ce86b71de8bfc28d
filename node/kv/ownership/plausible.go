package ownership

import (
	"fmt"
	"slices"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/kv/terms"
)

// Epochs come from peers, and an owner's next epoch is one more than the greatest it has received. So a single number
// from outside must not move it far: after an epoch of 2^60 there would be none left to go on with. An epoch is
// accepted if it is at most MaxLeap above the greatest that this member knows for that part of the circle. Every change
// of ownership adds one, so no history of a ring makes two members differ by more. A greater epoch is refused, together
// with the epoch known here, counted, and reported with its sender.
//
// A hostile peer can climb in steps, and so drive members apart by more than MaxLeap, each of which then refuses the
// other. Of two such numbers the lower one is accepted:
//
//   - An owner whose epoch is refused as implausible, or that receives an ownership so far below its own, lowers its
//     epoch to one above the other's (Descend). A member that refuses the epoch in an owner's answer to a survey
//     announces its own range to that owner, and verifies the entry because of which it refuses (Reported).
//   - A member without a range accepts an epoch of up to MaxFirst from the owner that it has claimed its range from
//     (Asked): what it knows of others is second-hand, and might otherwise leave it without a range for ever. If other
//     members know better, it lowers its epoch like any owner.
//   - A table entry so far above the ownership that an owner itself reports is no reason to refuse the latter. The
//     entry is verified with the owner it names, and dropped unless that owner confirms it (Verified).

const (
	// MaxLeap is how far an epoch may be above the greatest that is known.
	MaxLeap = 1 << 20
	// MaxFirst is the greatest epoch that a member accepts that knows none: a thousand changes a second for thirty years.
	MaxFirst = 1 << 40
	// maxUnverified bounds the entries to be verified. At the bound one is dropped: it comes up again.
	maxUnverified = 8
)

// reference returns the known ownership with the greatest epoch that overlaps o, or if there is none, of all.
func (r *Register) reference(o terms.Ownership) (best terms.Ownership, some bool) {
	near := false
	consider := func(known terms.Ownership) {
		overlaps := known.Owner == o.Owner || known.Overlaps(o)
		if !some || overlaps && !near || overlaps == near && known.Epoch > best.Epoch {
			best, some, near = known, true, overlaps
		}
	}
	if r.own != nil {
		consider(*r.own)
	}
	for _, known := range r.Table {
		if !known.Indirect {
			consider(known.Ownership)
		}
	}
	return best, some
}

// Implausible reports whether an ownership's epoch is too far above the known one, which it also returns.
func (r *Register) Implausible(o terms.Ownership) (known *terms.Ownership, is bool) {
	best, some := r.reference(o)
	if !some {
		return nil, o.Epoch > MaxFirst
	}
	return &best, o.Epoch > best.Epoch+MaxLeap
}

// Claimed notes the owner from which this member claims its range.
func (r *Register) Claimed(owner chord.Peer) { r.claimed = owner }

// Asked reports whether a grant fills an empty register, comes from the owner that this member has claimed its range
// from, and has an epoch that a member without any would accept.
func (r *Register) Asked(source chord.Peer, grant terms.Ownership) bool {
	return r.own == nil && source == r.claimed && grant.Epoch <= MaxFirst
}

// ErrEpoch returns the error for a peer's implausible epoch, given the one that is known here, if any.
func ErrEpoch(from chord.Peer, o terms.Ownership, known *terms.Ownership) error {
	least := int64(0)
	if known != nil {
		least = known.Epoch
	}
	return fmt.Errorf("%w: implausible epoch %d for a range of %s from %s: expected at most %d more than %d, the greatest known here",
		terms.ErrRefused, o.Epoch, o.Owner.Addr, from.Addr, int64(MaxLeap), least)
}

// Descend lowers the epoch of the register to one above another, if it is implausibly far above that.
func (r *Register) Descend(epoch int64) Effects {
	if r.own == nil || r.own.Epoch <= epoch+MaxLeap {
		return Effects{}
	}
	next := *r.own
	next.Epoch = epoch + 1
	return Effects{AbortHandoff: true}.and(r.Set(&next))
}

// Reported learns the ownership that an owner has reported in its answer to a survey, unless its epoch is implausible:
// then the entry because of which it is refused is verified.
func (r *Register) Reported(o terms.Ownership, now time.Time) (known *terms.Ownership, implausible bool, e Effects) {
	if known, implausible = r.Implausible(o); !implausible {
		r.Table.Learn(o, now)
	} else if known != nil && known.Owner != r.self {
		e = r.verifySoon(*known)
	}
	return known, implausible, e
}

// doubtEntry notes a table entry to be verified if it is implausibly far above a contradicting epoch.
func (r *Register) doubtEntry(entry terms.Ownership, epoch int64) Effects {
	if entry.Epoch > epoch+MaxLeap {
		return r.verifySoon(entry)
	}
	return Effects{}
}

// verifySoon notes a table entry to be verified.
func (r *Register) verifySoon(entry terms.Ownership) Effects {
	if len(r.unverified) < maxUnverified && !slices.Contains(r.unverified, entry) {
		r.unverified = append(r.unverified, entry)
		return Effects{Reconcile: true}
	}
	return Effects{}
}

// Unverified returns the doubtful entries, whose owners the caller asks, and empties the list.
func (r *Register) Unverified() []terms.Ownership {
	list := r.unverified
	r.unverified = nil
	return list
}

// Verified drops a doubtful entry that its owner, which has been asked, does not confirm: theirs is what it owns, nil if
// it owns nothing or has not answered.
func (r *Register) Verified(entry terms.Ownership, theirs *terms.Ownership, now time.Time) {
	if theirs != nil && theirs.Epoch >= entry.Epoch {
		return
	}
	r.Table.Forget(entry.Owner)
	if theirs != nil {
		r.Table.Learn(*theirs, now)
	}
}
