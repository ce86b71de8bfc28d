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

// anyOwner asks every host on the circle whether any member of it owns a range. A dead host does not. An error says that
// it is not known.
func (k *Keeper) anyOwner(ctx context.Context) (bool, error) {
	if k.member.HostOwns() {
		return true, nil
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
