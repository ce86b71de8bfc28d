package kv

import (
	"context"
	"slices"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/kv/terms"
	"chordconductor/otel/chordevent"
)

// setRegister changes the ownership register; nil empties it. mu is held. The caller publishes it after unlocking.
func (k *Keeper) setRegister(own *terms.Ownership) {
	old := k.reg.Load()
	k.reg.Store(own)
	k.owned = k.owned || own != nil
	k.announced = false
	k.confirmed = time.Time{}
	k.pruneUnsettled()
	for i := range k.replicas {
		k.replicas[i].synced = false // equal digests are valid for one extent and epoch of the range only
		if own == nil || old == nil || !old.Contains(*own) {
			k.replicas[i].compared = false
		}
	}
	if own == nil || old == nil {
		k.ownerless = time.Time{}
	}
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

// A verdict is the result of receiving an ownership from its owner. Either it is refused, mostly because another one
// stands, or it stands, and this member has given up what overlapped it.
type verdict struct {
	refused     bool
	implausible bool
	conflict    *terms.Ownership
	overlapped  bool
}

// meet evaluates an ownership received from its owner. mu is held; the caller publishes the register, which may have
// changed.
func (k *Keeper) meet(o terms.Ownership) verdict {
	if o.Owner.ID == k.self.ID {
		return verdict{refused: true} // the call comes from an earlier incarnation of this member
	}
	if known, is := k.implausible(o); is {
		_ = k.refuseEpoch(o.Owner, o, known)
		return verdict{refused: true, implausible: true, conflict: known}
	}
	k.noteContact(o.Owner)
	k.descend(o.Epoch)
	own := k.reg.Load()
	rival := own != nil && o.Overlaps(*own)
	if rival && (own.Beats(o) || !k.yield(o)) {
		k.requireRecovery(o.Owner) // until it yields, the other owner serves a part of this member's range
		return verdict{refused: true, conflict: k.reg.Load()}
	}
	if winner, refused := k.owners.refuses(o); refused {
		k.doubtEntry(winner, o.Epoch)
		return verdict{refused: true, conflict: &winner}
	}
	k.owners.learn(o, k.env.Now())
	return verdict{overlapped: rival}
}

// yield resolves an overlap with the range of a live owner whose ownership beats this member's, and reports whether the
// other ownership stands unchanged. Each of two owners keeps the part that precedes it on the circle, up to the other
// one. So this member gives up what lies below the other owner, if its range covers that owner. If the other's range
// covers this member, this member was wrongly taken for dead: it takes its range back with a greater epoch and recovers
// it, because the other owner has accepted writes meanwhile. If that happens repeatedly, because calls get through in
// one direction only, it steps down and claims its range like a joiner. Its records of a range given up stay, as
// orphaned replicas to be returned to the owner. mu is held.
func (k *Keeper) yield(to terms.Ownership) (stands bool) {
	own := k.reg.Load()
	k.abortOut()
	next := *own
	next.Epoch = max(own.Epoch, to.Epoch) + 1
	if own.Covers(to.Owner.ID) {
		next.From = to.Owner.ID
	}
	if !to.Covers(k.self.ID) {
		k.setRegister(&next)
		return true
	}
	since := k.env.Now().Add(-k.fresh())
	k.reclaims = slices.DeleteFunc(k.reclaims, func(at time.Time) bool { return at.Before(since) })
	if len(k.reclaims) == maxReclaims {
		k.reclaims = nil
		k.setRegister(nil)
		return true
	}
	k.reclaims = append(k.reclaims, k.env.Now())
	k.setRegister(&next)
	k.requireRecovery(to.Owner)
	return false
}

// raise gives the present range a new epoch, above that of a contesting ownership that is outdated. mu is held.
func (k *Keeper) raise(above int64) {
	if own := k.reg.Load(); own != nil {
		k.abortOut()
		next := *own
		next.Epoch = max(own.Epoch, above) + 1
		k.setRegister(&next)
	}
}

// requireRecovery marks the range as needing recovery: other members, the sources if given, may hold records of it. mu
// is held.
func (k *Keeper) requireRecovery(source ...chord.Peer) {
	if k.reg.Load() == nil {
		return
	}
	k.needsRecovery = true
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
	if i := slices.Index(k.silent, p); i >= 0 {
		k.silent = slices.Delete(k.silent, i, i+1)
		k.requireRecovery(p)
	}
}

// dispute notes an ownership because of which this member's was refused. mu is held.
func (k *Keeper) dispute(conflict terms.Ownership) {
	if len(k.disputes) < maxDisputes && !slices.Contains(k.disputes, conflict) {
		k.disputes = append(k.disputes, conflict)
		k.reconcileDue.Set()
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
	disputes := k.disputes
	k.disputes = nil
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
	if conflict.Owner.ID != k.self.ID {
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
	own := k.reg.Load()
	rival := own != nil && theirs != nil && theirs.Overlaps(*own)
	switch {
	case rival && theirs.Beats(*own):
		k.yield(*theirs)
	case own != nil && conflict.Beats(*own):
		k.raise(conflict.Epoch)
	}
	own = k.reg.Load()
	k.mu.Unlock()
	k.publishRegister(ctx)
	if rival && own != nil {
		if err := k.announce(ctx, theirs.Owner, *own); stopped(err) {
			return err // other outcomes have been handled
		}
	}
	return nil
}
