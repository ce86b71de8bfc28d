package kv

import (
	"context"
	"errors"
	"slices"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/kv/terms"
	"chordconductor/otel/chordevent"
)

// maxAround bounds the calls of one round around the circle. It is enough for some 8,000 members; with more, the
// members reached decide.
const maxAround = 1024

// claimUnowned takes the whole circle if all owners have gone at once: joiners may be all that is
// left of a ring. A member that has looked for an owner since began, and for two ownerlessTime in
// all, asks every host. If none owns anything, the member takes over the whole circle and recovers
// it. The member whose predecessor lies across zero does so first; any other member waits twice the
// time, in case the first one fails. If two of them do it all the same, they resolve this as any
// overlap.
func (k *Keeper) claimUnowned(ctx context.Context, began time.Time) (bool, error) {
	state, now := k.member.State(), k.env.Now()
	if k.lost() {
		return false, nil
	}
	k.mu.Lock()
	waited := k.own.Searched(began, now)
	k.mu.Unlock()
	patience := 2 * ownerlessTime * k.cfg.CallLimit
	if alone := len(state.Live()) == 0; !alone && !(state.Pred.Real() && state.Pred.ID.Compare(k.self.ID) >= 0) {
		patience *= 2
	}
	if waited < patience {
		return false, nil
	}
	owned, err := k.anyOwner(ctx)
	if err != nil {
		return false, err
	}
	k.mu.Lock()
	switch {
	case owned:
		k.own.Found()
	case k.reg.Load() == nil && !k.in.Some() && !k.leaving:
		k.apply(k.own.TakeOver(k.self.ID, 0))
	}
	k.mu.Unlock()
	k.publishRegister(ctx)
	return !owned, nil
}

// missing notes whether the range below this member's has a live owner.
func (k *Keeper) missing(is bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.own.Missing(is, k.env.Now())
}

// anyClaimed reports whether any owner in this member's ownership table may be alive.
func (k *Keeper) anyClaimed(ctx context.Context, point chord.ID) (bool, error) {
	k.mu.Lock()
	owners := k.own.Others(k.dead, k.env.Now())
	k.mu.Unlock()
	_, errs, err := k.surveyAll(ctx, owners, point)
	return slices.ContainsFunc(errs, func(err error) bool { return !errors.Is(err, terms.ErrDead) }), err
}

// lost reports whether the member sees no other member of its ring, and still searches for its known peers. Until then
// it knows nothing of ownership, and takes nothing over.
func (k *Keeper) lost() bool { return len(k.member.State().Live()) == 0 && !k.member.Alone() }

// anyOwner asks every host on the circle whether any member of it owns a range. A dead host does not. On an error the
// answer is not known.
func (k *Keeper) anyOwner(ctx context.Context) (bool, error) {
	if k.member.HostOwns() {
		return true, nil
	}
	if owned, err := k.askKnown(ctx, k.self.ID); owned || err != nil {
		return owned, err
	}
	asked := []string{k.self.Addr} // hosts
	at := k.self.ID
	list := slices.Concat(k.member.State().Live(), k.member.Hosts()) // a copy: all readers of the state share the list, and this one is sorted
	for calls := 0; calls < maxAround; {
		list = slices.DeleteFunc(list, func(p chord.Peer) bool { return !chord.Between(at, p.ID, k.self.ID) })
		var next []chord.Peer
		// The furthest first: the first one that answers supplies the next list. Of the others one member of each host is
		// enough.
		slices.SortFunc(list, func(a, b chord.Peer) int { return k.space.Distance(at, b.ID).Compare(k.space.Distance(at, a.ID)) })
		here := at
		for _, p := range list {
			if next != nil && slices.Contains(asked, p.Addr) {
				continue
			}
			calls++
			s, err := k.survey(ctx, p, k.self.ID, chordevent.SpanRepair)
			switch {
			case errors.Is(err, terms.ErrDead):
				continue
			case err != nil:
				return false, err
			case s.own != nil || s.hostOwns:
				return true, nil
			}
			asked = append(asked, p.Addr)
			if next == nil {
				next, here = append(s.successors, s.hosts...), p.ID
			}
		}
		if here == at {
			break // around, or no member further on lives
		}
		at, list = here, next
	}
	return false, nil
}

// askKnown surveys all known peers, on this ring or another, and the owners that they refer to.
// It reports whether any of them, or its host, owns a range.
func (k *Keeper) askKnown(ctx context.Context, point chord.ID) (owned bool, err error) {
	if err := k.member.Acquaint(ctx); err != nil {
		return false, err
	}
	k.mu.Lock()
	now := k.env.Now()
	peers := slices.DeleteFunc(k.member.Known(), func(p chord.Peer) bool { return k.dead.Has(p, now) })
	k.mu.Unlock()
	answers, err := k.surveyReferred(ctx, peers, point)
	return slices.ContainsFunc(answers, func(s survey) bool { return s.own != nil || s.hostOwns }), err
}

// inheritUnknown takes over a range below this member's for which no reachable member knows an owner, after
// ownerlessTime, down to the nearest member that owns a range: its ownership has been lost with all that knew it. For
// several such ranges in a row, between dead owners, the time runs from the first one, since a member that knows of one
// has had the time to make it known. Before that all known peers are surveyed, because owners may have lost each other,
// and be on several rings that are not aware of each other yet.
func (k *Keeper) inheritUnknown(ctx context.Context, own *terms.Ownership, pred chord.Peer) (bool, error) {
	if !k.waitedForOwner() {
		return false, nil
	}
	owned, err := k.askKnown(ctx, own.From)
	if err != nil {
		return false, err
	}
	if _, found := k.below(own); found {
		return false, nil // look again
	}
	if all, err := k.takeRest(ctx, own, owned); all || err != nil {
		return false, err
	}
	down, err := k.nearestBelow(ctx, own, pred)
	if err != nil || down == nil || *down == own.From { // the nearest owner's own range begins here, and is refused
		return false, err
	}
	return k.inherit(ctx, own, *down, 0)
}

// waitedForOwner reports whether the range below has been without an owner for ownerlessTime: members that know of one
// have had the time to make it known.
func (k *Keeper) waitedForOwner() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.own.Ownerless(k.env.Now()) >= ownerlessTime*k.cfg.CallLimit
}

// restOrphaned takes over the rest of the circle for a member that is alone, after one owner after the other below it
// has died: see takeRest. It reports whether it has.
func (k *Keeper) restOrphaned(ctx context.Context, own *terms.Ownership) (bool, error) {
	if !k.member.Alone() || !k.waitedForOwner() {
		return false, nil
	}
	owned, err := k.askKnown(ctx, own.From)
	if err != nil {
		return false, err
	}
	return k.takeRest(ctx, own, owned)
}

// takeRest takes over the rest of the circle if this member is alone, no known peer owns anything, and no owner in its
// table is alive: range by range it would wait for the dead each time.
func (k *Keeper) takeRest(ctx context.Context, own *terms.Ownership, owned bool) (bool, error) {
	if owned || !k.member.Alone() {
		return false, nil
	}
	if others, err := k.anyClaimed(ctx, own.From); others || err != nil {
		return false, err
	}
	_, err := k.inherit(ctx, own, k.self.ID, 0)
	return err == nil, err
}

// nearestBelow returns the end of the nearest range below that is known; nil if it cannot be determined now. It is the
// member's own identifier if no other member owns anything.
func (k *Keeper) nearestBelow(ctx context.Context, own *terms.Ownership, pred chord.Peer) (*chord.ID, error) {
	down := k.self.ID
	switch {
	case pred.Real():
		at, err := k.ownerBefore(ctx, own, pred)
		if err != nil || at == nil {
			return nil, err
		}
		down = *at
	case len(k.member.State().Live()) > 0:
		return nil, nil
	} // else alone, as far as can be seen
	k.mu.Lock()
	defer k.mu.Unlock()
	down = k.own.Nearest(down, own)
	return &down, nil
}

// ownerBefore follows predecessors to the first member that owns a range, this one itself if no other does. It returns
// nil if that cannot be determined now.
func (k *Keeper) ownerBefore(ctx context.Context, own *terms.Ownership, pred chord.Peer) (*chord.ID, error) {
	for at, last := pred, k.self; ; {
		if at.ID == k.self.ID {
			return &at.ID, nil
		}
		if !chord.Between(k.self.ID, at.ID, last.ID) {
			return nil, nil // the ring is not in order
		}
		s, err := k.survey(ctx, at, own.From, chordevent.SpanRepair)
		switch {
		case err != nil:
			return nil, err
		case s.own != nil && s.own.Overlaps(*own):
			k.mu.Lock()
			k.apply(k.own.Dispute(*s.own))
			k.mu.Unlock()
			return nil, nil
		case s.own != nil:
			return &at.ID, nil
		case !s.predecessor.Real():
			return nil, nil
		}
		last, at = at, s.predecessor
	}
}
