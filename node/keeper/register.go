package keeper

import (
	"context"
	"slices"
	"time"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// setRegister changes the ownership register; nil empties it. mu is held. The caller tells it after unlocking.
func (k *Keeper) setRegister(own *ownership) {
	old := k.reg.Load()
	k.reg.Store(own)
	k.owned = k.owned || own != nil
	k.announced = false
	k.confirmed = time.Time{}
	k.pruneUnsettled()
	for i := range k.replicas {
		k.replicas[i].synced = false // equal digests count for one extent and epoch of the range
		if own == nil || old == nil || !old.contains(*own) {
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

// tell emits the register if it has changed since it was last told. Whoever changed it calls this after unlocking mu; of
// two that come at once, either tells the latest.
func (k *Keeper) publishRegister(ctx context.Context) {
	k.publishing.Lock()
	defer k.publishing.Unlock()
	if own := k.reg.Load(); own != k.published {
		k.published = own
		k.member.Emit(ctx, chordevent.OwnershipChanged{Ownership: registerOf(own)})
	}
}

// A verdict is what becomes of an ownership that its owner has told. It is refused, mostly because of another one, or it
// stands, and this member has given up what overlapped it.
type verdict struct {
	refused     bool
	implausible bool
	conflict    *ownership
	overlapped  bool
}

// meet judges an ownership told by its owner. mu is held; the caller tells the register, which may have changed.
func (k *Keeper) meet(o ownership) verdict {
	if o.owner.ID == k.self.ID {
		return verdict{refused: true} // an earlier life of this member speaks
	}
	if known, is := k.implausible(o); is {
		_ = k.refuseEpoch(o.owner, o, known)
		return verdict{refused: true, implausible: true, conflict: known}
	}
	k.noteContact(o.owner)
	own := k.reg.Load()
	rival := own != nil && o.overlaps(*own)
	if rival {
		k.descend(o.epoch)
		own = k.reg.Load()
	}
	if rival && (own.beats(o) || !k.yield(o)) {
		k.requireRecovery(o.owner) // until it knows better it serves what is this member's
		return verdict{refused: true, conflict: k.reg.Load()}
	}
	if winner, refused := k.owners.refuses(o); refused {
		k.doubtEntry(winner, o.epoch)
		return verdict{refused: true, conflict: &winner}
	}
	k.owners.learn(o, k.env.Now())
	return verdict{overlapped: rival}
}

// yield resolves an overlap with the range of a living owner whose word beats this member's. Of two owners each keeps
// what comes before it on the circle, up to the other one. So this member gives up what lies below the other, if its
// range covers that. If the other one's covers this member, then this one was taken for dead without being so: it takes
// its own back with a greater epoch, unclean, since the other has been written to meanwhile. Only if that happens again
// and again, because calls get through in one direction alone, it steps down and claims its range like a newcomer. What
// it held of a range it gives up stays, as leftovers for the owner. yield reports whether the other ownership stands as it
// is. mu is held.
func (k *Keeper) yield(to ownership) (stands bool) {
	own := k.reg.Load()
	k.abortOut()
	next := *own
	next.epoch = max(own.epoch, to.epoch) + 1
	if own.covers(to.owner.ID) {
		next.from = to.owner.ID
	}
	if !to.covers(k.self.ID) {
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
	k.requireRecovery(to.owner)
	return false
}

// raise gives the present range a new epoch, above one that stands against it without reason. mu is held.
func (k *Keeper) raise(above int64) {
	if own := k.reg.Load(); own != nil {
		k.abortOut()
		next := *own
		next.epoch = max(own.epoch, above) + 1
		k.setRegister(&next)
	}
}

// soil makes the range unclean: records of it may be elsewhere, with a certain member perhaps. mu is held.
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

// revived makes the range unclean again if somebody lives after all that could not be asked when it became clean. mu is
// held.
func (k *Keeper) revived(p chord.Peer) {
	if i := slices.Index(k.silent, p); i >= 0 {
		k.silent = slices.Delete(k.silent, i, i+1)
		k.requireRecovery(p)
	}
}

// dispute notes that this member's ownership was refused because of another one. mu is held.
func (k *Keeper) dispute(conflict ownership) {
	if len(k.disputes) < maxDisputes && !slices.Contains(k.disputes, conflict) {
		k.disputes = append(k.disputes, conflict)
		k.reconcileDue.Set()
	}
}

// settle resolves what stands against this member's ownership, by asking the owner named. If that one is dead, or owns
// something else by now, the word against us is outdated, and a greater epoch goes past it. If it does own the range,
// one of the two yields.
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

func (k *Keeper) resolveDispute(ctx context.Context, conflict ownership) error {
	var theirs *ownership
	if conflict.owner.ID != k.self.ID {
		s, err := k.survey(ctx, conflict.owner, conflict.owner.ID, chordevent.SpanRepair)
		if stopped(err) {
			return err
		}
		if err == nil {
			theirs = s.own
		}
	}
	if own := k.reg.Load(); own != nil && theirs != nil && theirs.overlaps(*own) && theirs.beats(*own) {
		// Before it yields: whoever gets the range asks for what has been written here.
		if err := k.announce(ctx, theirs.owner, *own); stopped(err) {
			return err
		}
	}
	k.mu.Lock()
	own := k.reg.Load()
	rival := own != nil && theirs != nil && theirs.overlaps(*own)
	switch {
	case rival && theirs.beats(*own):
		k.yield(*theirs)
	case own != nil && conflict.beats(*own):
		k.raise(conflict.epoch)
	}
	own = k.reg.Load()
	k.mu.Unlock()
	k.publishRegister(ctx)
	if rival && own != nil {
		if err := k.announce(ctx, theirs.owner, *own); stopped(err) {
			return err // any other outcome has been noted
		}
	}
	return nil
}
