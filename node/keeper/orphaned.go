package keeper

import (
	"context"
	"errors"
	"slices"
	"time"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// maxAround bounds the calls of one way around the circle. It is enough for some 8,000 members; should there be more, the
// members reached decide.
const maxAround = 1024

// claimOrphaned is the way out when all owners are gone at once, as joiners may be all that is left of a ring. A member
// that has looked for an owner since began, and for two settle times in all, asks every host, and if none owns anything
// it takes the whole circle, unclean. The one whose place spans zero does so first; should that one not come to it,
// whichever else does after twice the time. Should two do it all the same, they settle it like any overlap.
func (k *Keeper) claimOrphaned(ctx context.Context, began time.Time) (bool, error) {
	state, now := k.member.State(), k.env.Now()
	if k.lost() {
		return false, nil
	}
	k.mu.Lock()
	if k.ownerless.IsZero() {
		k.ownerless = began
	}
	waited := now.Sub(k.ownerless)
	k.mu.Unlock()
	patience := 2 * settleTime * k.cfg.CallLimit
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
		k.ownerless = time.Time{}
	case k.reg.Load() == nil && len(k.ins) == 0 && !k.leaving:
		k.takeOver(k.self.ID, 0)
	}
	k.mu.Unlock()
	k.tell(ctx)
	return !owned, nil
}

// missing notes whether the range below this member's has an owner that lives. The time since counts for all that is
// found to have none on the way down: several may have died at once, and who knows of one range has had the time to be
// heard of the next as well.
func (k *Keeper) missing(is bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case !is:
		k.ownerless, k.row = time.Time{}, 0
	case k.ownerless.IsZero():
		k.ownerless = k.env.Now()
	}
}

// anyClaimed reports whether any member of whose range this one has been told may live.
func (k *Keeper) anyClaimed(ctx context.Context, point chord.ID) (bool, error) {
	var owners []chord.Peer
	k.mu.Lock()
	now := k.env.Now()
	for _, known := range k.claims {
		if !hasLapsed(k.dead, known.owner, now) && known.owner != k.self && !slices.Contains(owners, known.owner) {
			owners = append(owners, known.owner)
		}
	}
	k.mu.Unlock()
	_, errs, err := k.surveyAll(ctx, owners, point)
	return slices.ContainsFunc(errs, func(err error) bool { return !errors.Is(err, errDead) }), err
}

// lost reports whether the member sees nobody of its ring, and still looks for those that it has known. It knows nothing
// of what is owned until then, and takes nothing over.
func (k *Keeper) lost() bool { return len(k.member.State().Live()) == 0 && !k.member.Alone() }

// anyOwner asks every host on the circle whether any member of it owns a range. A dead host does not. An error says that
// it is not known.
func (k *Keeper) anyOwner(ctx context.Context) (bool, error) {
	if k.member.HostOwns() {
		return true, nil
	}
	if owned, err := k.askKnown(ctx, k.self.ID); owned || err != nil {
		return owned, err
	}
	asked := []string{k.self.Addr} // hosts
	at, list := k.self.ID, append(k.member.State().Live(), k.member.Hosts()...)
	for calls := 0; calls < maxAround; {
		list = slices.DeleteFunc(list, func(p chord.Peer) bool { return !chord.Between(at, p.ID, k.self.ID) })
		var next []chord.Peer
		// The furthest first: the first one that answers leads on. Of the others one member of each host is enough.
		slices.SortFunc(list, func(a, b chord.Peer) int { return k.space.Distance(at, b.ID).Compare(k.space.Distance(at, a.ID)) })
		here := at
		for _, p := range list {
			if next != nil && slices.Contains(asked, p.Addr) {
				continue
			}
			calls++
			s, err := k.survey(ctx, p, k.self.ID, chordevent.SpanRepair)
			switch {
			case errors.Is(err, errDead):
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

// askKnown asks all members that this one has known, be they on its ring or not, and learns what they own and what they
// know of a point. It reports whether any of them owns something, or its host does.
func (k *Keeper) askKnown(ctx context.Context, point chord.ID) (owned bool, err error) {
	if err := k.member.Acquaint(ctx); err != nil {
		return false, err
	}
	k.mu.Lock()
	now := k.env.Now()
	peers := slices.DeleteFunc(k.member.Known(), func(p chord.Peer) bool { return hasLapsed(k.dead, p, now) })
	k.mu.Unlock()
	answers, _, err := k.surveyAll(ctx, peers, point) // an answer that failed is empty
	return slices.ContainsFunc(answers, func(s survey) bool { return s.own != nil || s.hostOwns }), err
}

// inheritUnknown takes a range below of which nobody reached knows an owner, after a while, down to the nearest member
// that owns something: word of it has been lost with all that held it. Where several such stretches follow each other,
// between dead owners, the time is that since the first one: whoever knows of one has had it to be heard. Before that all
// members known are asked, since those that owned it may have lost each other, and be on several rings that do not know it
// yet.
func (k *Keeper) inheritUnknown(ctx context.Context, own *ownership, pred chord.Peer) (bool, error) {
	if !k.settledDown() {
		return false, nil
	}
	owned, err := k.askKnown(ctx, own.from)
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
	if err != nil || down == nil || *down == own.from { // somebody there owns something, of which the word is refused
		return false, err
	}
	return k.inherit(ctx, own, *down, 0)
}

// settledDown reports whether it has been a while since the range below lost its owner: who knows of another has had the
// time to be heard.
func (k *Keeper) settledDown() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.env.Now().Sub(k.ownerless) >= settleTime*k.cfg.CallLimit
}

// restOrphaned takes the rest of the circle for a member that is alone, below of which one owner after the other has died:
// see takeRest. It reports whether it has.
func (k *Keeper) restOrphaned(ctx context.Context, own *ownership) (bool, error) {
	if !k.member.Alone() || !k.settledDown() {
		return false, nil
	}
	owned, err := k.askKnown(ctx, own.from)
	if err != nil {
		return false, err
	}
	return k.takeRest(ctx, own, owned)
}

// takeRest takes the rest of the circle if this member is alone, nobody known owns anything, and no member lives of whose
// range it has been told: range by range it would wait for the dead each time.
func (k *Keeper) takeRest(ctx context.Context, own *ownership, owned bool) (bool, error) {
	if owned || !k.member.Alone() {
		return false, nil
	}
	if others, err := k.anyClaimed(ctx, own.from); others || err != nil {
		return false, err
	}
	_, err := k.inherit(ctx, own, k.self.ID, 0)
	return err == nil, err
}

// nearestBelow is where the nearest range below ends of which anything is known; nil: that cannot be told now. It is the
// member itself if nobody else owns anything.
func (k *Keeper) nearestBelow(ctx context.Context, own *ownership, pred chord.Peer) (*chord.ID, error) {
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
	for _, known := range k.claims {
		if chord.Between(down, known.owner.ID, own.from) {
			down = known.owner.ID
		}
	}
	return &down, nil
}

// ownerBefore goes from predecessor to predecessor to the first member that owns something: to this one itself if nobody
// else does.
func (k *Keeper) ownerBefore(ctx context.Context, own *ownership, pred chord.Peer) (*chord.ID, error) {
	for at, last := pred, k.self; ; {
		if at.ID == k.self.ID {
			return &at.ID, nil
		}
		if !chord.Between(k.self.ID, at.ID, last.ID) {
			return nil, nil // the ring is not in order
		}
		s, err := k.survey(ctx, at, own.from, chordevent.SpanRepair)
		switch {
		case err != nil:
			return nil, err
		case s.own != nil && s.own.overlaps(*own):
			k.mu.Lock()
			k.dispute(*s.own)
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
