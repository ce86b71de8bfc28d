package kv

import (
	"context"
	"slices"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/kv/ownership"
	"chordconductor/node/kv/terms"
	"chordconductor/otel/chordevent"
)

// setRegister changes the ownership register; nil empties it. mu is held. The caller publishes it after unlocking.
func (k *Keeper) setRegister(own *terms.Ownership) { k.apply(k.own.Set(own)) }

// apply does what a change of the register entails. mu is held; the caller publishes the register after unlocking.
func (k *Keeper) apply(e ownership.Effects) {
	if e.AbortHandoff {
		k.out.Abort()
	}
	if e.Changed {
		k.registerChanged(e.Before, e.After)
	}
	if e.Recover {
		k.requireRecovery(e.Sources...)
		k.noteUnheard(e.Former)
	}
	if e.Reconcile {
		k.reconcileDue.Set()
	}
}

// registerChanged informs all that depends on the register. mu is held.
func (k *Keeper) registerChanged(before, own *terms.Ownership) {
	k.checkRegister(before, own)
	k.reg.Store(own)
	k.announced = false
	k.confirmed = time.Time{}
	k.pruneUnsettled()
	k.replicas.Changed(own != nil && before != nil && before.Contains(*own))
	if own == nil {
		k.needsRecovery, k.sources, k.silent = false, nil, nil
	}
	k.sweepSoon()
	k.reconcileDue.Set()
	k.repairDue.Set()
}

// publishRegister emits the register if it has changed since it was last emitted. The caller that changed it calls this
// after unlocking mu; of two concurrent calls, either emits the latest value.
func (k *Keeper) publishRegister(ctx context.Context) {
	k.publishing.Lock()
	defer k.publishing.Unlock()
	if own := k.reg.Load(); own != k.published {
		k.published = own
		k.member.Emit(ctx, chordevent.OwnershipChanged{Ownership: registerOf(own)})
	}
}

// meet evaluates an ownership received from its owner. mu is held; the caller publishes the register, which may have
// changed.
func (k *Keeper) meet(o terms.Ownership) ownership.Verdict {
	if v := k.own.Check(o); v.Refused {
		if v.Implausible {
			_ = k.refuseEpoch(o.Owner, o, v.Conflict)
		}
		return v
	}
	k.noteContact(o.Owner)
	v, effects := k.own.Meet(o, k.env.Now())
	k.apply(effects)
	return v
}

// requireRecovery marks the range as needing recovery: other members, the sources if given, may hold records of it. mu
// is held.
func (k *Keeper) requireRecovery(source ...chord.Peer) {
	if k.reg.Load() == nil {
		return
	}
	k.needsRecovery, k.patience = true, k.env.Now().Add(3*k.suspicion())
	k.recoveries++
	for _, p := range source {
		k.sources = addSource(k.sources, p)
	}
	k.repairDue.Set()
}

func addSource(list []chord.Peer, p chord.Peer) []chord.Peer {
	if slices.Contains(list, p) {
		return list
	}
	if len(list) == maxSources {
		list = list[1:]
	}
	return append(slices.Clip(list), p)
}

// revived marks the range as needing recovery if p is alive after all and range recovery could not ask it. mu is held.
func (k *Keeper) revived(p chord.Peer) {
	if i := k.unheardAt(p); i >= 0 {
		k.silent = slices.Delete(k.silent, i, i+1)
		k.requireRecovery(p)
	}
}

// resolveDisputes resolves ownerships that contest this member's, by asking the owners named. If that owner is dead, or
// owns another range by now, the contesting ownership is outdated and a greater epoch supersedes it. If it does own the
// range, one of the two yields.
func (k *Keeper) resolveDisputes(ctx context.Context) error {
	if err := k.verify(ctx, chordevent.SpanRepair); err != nil {
		return err
	}
	k.mu.Lock()
	disputes := k.own.Disputes()
	k.mu.Unlock()
	for _, conflict := range disputes {
		if err := k.resolveDispute(ctx, conflict); err != nil {
			return err
		}
	}
	return nil
}

func (k *Keeper) resolveDispute(ctx context.Context, conflict terms.Ownership) error {
	var theirs *terms.Ownership
	k.mu.Lock()
	silent := k.unreachable(conflict.Owner) // asked one after the other, the owners of a silent host would take a time limit each
	k.mu.Unlock()
	if conflict.Owner.ID != k.self.ID && !silent {
		s, err := k.survey(ctx, conflict.Owner, conflict.Owner.ID, chordevent.SpanRepair)
		if stopped(err) {
			return err
		}
		if err == nil {
			theirs = s.own
		}
	}
	if own := k.reg.Load(); own != nil && theirs != nil && theirs.Overlaps(*own) && theirs.Beats(*own) {
		// This happens before the yield, so that the other owner recovers what has been written here.
		if err := k.announce(ctx, theirs.Owner, *own); stopped(err) {
			return err
		}
	}
	k.mu.Lock()
	rival := k.own.Rival(theirs)
	k.apply(k.own.Resolve(conflict, theirs, k.env.Now()))
	own := k.reg.Load()
	k.mu.Unlock()
	k.publishRegister(ctx)
	if rival && own != nil {
		if err := k.announce(ctx, theirs.Owner, *own); stopped(err) {
			return err // other outcomes have been handled
		}
	}
	return nil
}
