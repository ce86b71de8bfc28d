package kv

import (
	"context"
	"fmt"
	"slices"

	"chordconductor/node/chord"
	"chordconductor/node/kv/terms"
)

// Epochs come from peers, and an owner's next epoch is one more than the greatest it has received. So a single number
// from outside must not move it far: after an epoch of 2^60 there would be none left to go on with. An epoch is
// accepted if it is at most maxLeap above the greatest that this member knows for that part of the circle. Every change
// of ownership adds one, so no history of a ring makes two members differ by more. A greater epoch is refused, together
// with the epoch known here, counted, and reported with its sender.
//
// A hostile peer can climb in steps, and so drive members apart by more than maxLeap, each of which then refuses the
// other. Of two such numbers the lower one is accepted:
//
//   - An owner whose epoch is refused as implausible, or that receives an ownership so far below its own, lowers its
//     epoch to one above the other's (descend). A member that refuses the epoch in an owner's answer to a survey
//     announces its own range to that owner, and verifies the entry because of which it refuses.
//   - A member without a range accepts an epoch of up to maxFirst from the owner that it has claimed its range from
//     (asked): what it knows of others is second-hand, and might otherwise leave it without a range for ever. If other
//     members know better, it lowers its epoch like any owner.
//   - A table entry so far above the ownership that an owner itself reports is no reason to refuse the latter. The
//     entry is verified with the owner it names, and dropped unless that owner confirms it (verify).

const (
	maxLeap = 1 << 20
	// maxFirst is the greatest epoch that a member accepts that knows none: a thousand changes a second for thirty years.
	maxFirst = 1 << 40
	// maxUnverified bounds the entries to be verified. At the bound one is dropped: it comes up again.
	maxUnverified = 8
)

// reference returns the known ownership with the greatest epoch that overlaps o, or if there is none, of all. mu is
// held.
func (k *Keeper) reference(o terms.Ownership) (best terms.Ownership, some bool) {
	near := false
	consider := func(known terms.Ownership) {
		overlaps := known.Owner == o.Owner || known.Overlaps(o)
		if !some || overlaps && !near || overlaps == near && known.Epoch > best.Epoch {
			best, some, near = known, true, overlaps
		}
	}
	if own := k.reg.Load(); own != nil {
		consider(*own)
	}
	for _, known := range k.owners {
		if !known.indirect {
			consider(known.Ownership)
		}
	}
	return best, some
}

// implausible reports whether an ownership's epoch is too far above the known one, which it also returns. mu is held.
func (k *Keeper) implausible(o terms.Ownership) (known *terms.Ownership, is bool) {
	best, some := k.reference(o)
	if !some {
		return nil, o.Epoch > maxFirst
	}
	return &best, o.Epoch > best.Epoch+maxLeap
}

// asked reports whether a handoff fills an empty register, comes from the owner that this member has claimed its range
// from, and has an epoch that a member without any would accept. mu is held.
func (k *Keeper) asked(m *incoming) bool {
	return k.reg.Load() == nil && m.source == k.claimed && m.grant.Epoch <= maxFirst
}

// refuseEpoch reports a peer's implausible epoch and returns the error for it.
func (k *Keeper) refuseEpoch(from chord.Peer, o terms.Ownership, known *terms.Ownership) error {
	least := int64(0)
	if known != nil {
		least = known.Epoch
	}
	err := fmt.Errorf("%w: implausible epoch %d for a range of %s from %s: expected at most %d more than %d, the greatest known here",
		terms.ErrRefused, o.Epoch, o.Owner.Addr, from.Addr, int64(maxLeap), least)
	if k.cfg.Implausible != nil {
		k.cfg.Implausible(from.Addr, err.Error())
	}
	return err
}

// descend lowers the epoch of the register to one above another, if it is implausibly far above that. mu is held.
func (k *Keeper) descend(epoch int64) {
	own := k.reg.Load()
	if own == nil || own.Epoch <= epoch+maxLeap {
		return
	}
	k.abortOut()
	next := *own
	next.Epoch = epoch + 1
	k.setRegister(&next)
}

// doubtEntry notes a table entry to be verified if it is implausibly far above a contradicting epoch. mu is held.
func (k *Keeper) doubtEntry(entry terms.Ownership, epoch int64) {
	if entry.Epoch > epoch+maxLeap {
		k.verifySoon(entry)
	}
}

// verifySoon notes a table entry to be verified. mu is held.
func (k *Keeper) verifySoon(entry terms.Ownership) {
	if len(k.unverified) < maxUnverified && !slices.Contains(k.unverified, entry) {
		k.unverified = append(k.unverified, entry)
		k.reconcileDue.Set()
	}
}

// verify asks the owners named in doubtful entries, and drops the entries that they do not confirm.
func (k *Keeper) verify(ctx context.Context, operation string) error {
	k.mu.Lock()
	entries := k.unverified
	k.unverified = nil
	k.mu.Unlock()
	return k.each(ctx, len(entries), func(ctx context.Context, i int) {
		entry := entries[i]
		s, err := k.survey(ctx, entry.Owner, entry.Owner.ID, operation)
		if stopped(err) {
			return
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		if err == nil && s.own != nil && s.own.Epoch >= entry.Epoch {
			return
		}
		k.owners.forget(entry.Owner)
		if err == nil && s.own != nil {
			k.owners.learn(*s.own, k.env.Now())
		}
	})
}
