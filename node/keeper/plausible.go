package keeper

import (
	"context"
	"fmt"

	"chordconductor/node/chord"
)

// Epochs come from peers, and an owner's next epoch is one more than the greatest it knows. So a single number from
// outside must not be able to move it far: else one word of 2^60 would leave nothing to go on with. An epoch is believed
// if it is at most maxLeap above the greatest that this member knows for that stretch of the circle; every change of
// ownership adds one, so no history of a ring makes two members differ by more. What is further away is refused, with
// the epoch known here, counted, and reported with its sender.
//
// A hostile peer can climb in steps, and so lead members apart by more than maxLeap, each of which then refuses the
// other. Of two such numbers the lower one is believed:
//
//   - An owner whose epoch is refused as implausible, or that is spoken to by an owner so far below itself, goes down to
//     one above the other's number (descend).
//   - A member without a range believes the owner that it has asked for it, up to maxFirst: what it knows of others is
//     hearsay, and it could have no range for ever. Should the others know better, it goes down like any owner (asked).
//   - A claim so far above the word of an owner that speaks for itself is no reason to refuse that. It is verified with
//     the owner it names, and forgotten unless that one confirms it (verify).

const (
	maxLeap = 1 << 20
	// maxFirst is the greatest epoch that is believed by a member that knows none: a thousand changes a second for
	// thirty years.
	maxFirst = 1 << 40
	// maxSuspects bounds the claims to be verified. At the bound one is dropped: it comes up again.
	maxUnverified = 8
)

// reference is what is known with the greatest epoch for a stretch, or if nothing is, for any. mu is held.
func (k *Keeper) reference(o ownership) (best ownership, some bool) {
	near := false
	consider := func(known ownership) {
		overlaps := known.owner == o.owner || known.overlaps(o)
		if !some || overlaps && !near || overlaps == near && known.epoch > best.epoch {
			best, some, near = known, true, overlaps
		}
	}
	if own := k.reg.Load(); own != nil {
		consider(*own)
	}
	for _, known := range k.owners {
		consider(known.ownership)
	}
	return best, some
}

// implausible reports whether an ownership's epoch is too far above what is known, which it also returns. mu is held.
func (k *Keeper) implausible(o ownership) (known *ownership, is bool) {
	best, some := k.reference(o)
	if !some {
		return nil, o.epoch > maxFirst
	}
	return &best, o.epoch > best.epoch+maxLeap
}

// asked reports whether a handoff fills an empty register, and comes from the owner that this member has asked for its
// range, with an epoch that a member would believe that knows none. mu is held.
func (k *Keeper) asked(m *incoming) bool {
	return k.reg.Load() == nil && m.source == k.claimed && m.grant.epoch <= maxFirst
}

// refuseEpoch reports what a peer has said that is implausible.
func (k *Keeper) refuseEpoch(from chord.Peer, o ownership, known *ownership) error {
	least := int64(0)
	if known != nil {
		least = known.epoch
	}
	err := fmt.Errorf("%w: %s names epoch %d for a range of %s, of which at most %d is known here: at most %d more is believed",
		errRefused, from.Addr, o.epoch, o.owner.Addr, least, int64(maxLeap))
	if k.cfg.Implausible != nil {
		k.cfg.Implausible(from.Addr, err.Error())
	}
	return err
}

// descend lowers the epoch of the register to one above another, if it is implausibly far above that. mu is held.
func (k *Keeper) descend(epoch int64) {
	own := k.reg.Load()
	if own == nil || own.epoch <= epoch+maxLeap {
		return
	}
	k.abortOut()
	next := *own
	next.epoch = epoch + 1
	k.setRegister(&next)
}

// suspect notes a claim to be verified if it is implausibly far above a word that it stands against. mu is held.
func (k *Keeper) doubtEntry(claim ownership, word int64) {
	if claim.epoch > word+maxLeap && len(k.unverified) < maxUnverified {
		k.unverified = append(k.unverified, claim)
		k.reconcileDue.Set()
	}
}

// verify asks the owners named in suspect claims, and forgets those that are not confirmed.
func (k *Keeper) verify(ctx context.Context, operation string) error {
	k.mu.Lock()
	suspects := k.unverified
	k.unverified = nil
	k.mu.Unlock()
	return k.each(ctx, len(suspects), func(ctx context.Context, i int) {
		claim := suspects[i]
		s, err := k.survey(ctx, claim.owner, claim.owner.ID, operation)
		if stopped(err) {
			return
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		if err == nil && s.own != nil && s.own.epoch >= claim.epoch {
			return
		}
		k.owners.forget(claim.owner)
		if err == nil && s.own != nil {
			k.owners.learn(*s.own, k.env.Now())
		}
	})
}
