package kv

import (
	"context"
	"errors"
	"slices"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/kv/ownership"
	"chordconductor/node/kv/terms"
	"chordconductor/node/nodepb"
	"chordconductor/node/retry"
	"chordconductor/node/wire"
	"chordconductor/otel/chordevent"
)

// reconcileOwnership is the task that gives every point of the circle one owner: it claims this member's range, takes
// over the range of a dead owner below it, and resolves overlaps with other owners. Until the member owns its range,
// the task runs in the trace of ctx, the join: so a join and the handoff of its keys are one trace, unless the owner is
// busy with other handoffs for the first joinRounds; see openIn.
func (k *Keeper) reconcileOwnership(ctx context.Context) {
	defer k.closeIn()
	var claims ownership.ClaimPace
	pause := time.Duration(0)
	for round := 0; ; round++ {
		if round == JoinRounds || k.reg.Load() != nil {
			ctx = k.tel.quiet
		}
		if pause > 0 {
			if err := k.reconcileDue.Wait(k.jitter(pause)); stopped(err) {
				return
			}
		}
		var err error
		if pause, err = k.reconcileOnce(ctx, &claims); stopped(err) {
			return
		}
	}
}

const (
	// claimLookup bounds the lookup of a claim, in call limits: while it runs, no incoming handoff is given up and no
	// dispute is resolved, without which there may never be an owner to find.
	claimLookup = 4
	// joinRounds bounds a join's trace when no owner can be found or none is free. As a rule the first claim is accepted.
	JoinRounds = 8
	// ownerlessTime is for how long a range must have no known owner before a member takes it over that knows nothing of
	// it, in call limits: time for members that do know an owner to make it known.
	ownerlessTime = 8
	// maxClaimGap bounds the time between two accepted claims of an empty register, in call limits.
	maxClaimGap = 8
)

// reconcileOnce does what is due, and returns the time until the next round if nothing happens.
func (k *Keeper) reconcileOnce(ctx context.Context, claims *ownership.ClaimPace) (time.Duration, error) {
	if err := k.watchIn(ctx); err != nil {
		return 0, err
	}
	if err := k.resolveDisputes(ctx); stopped(err) {
		return 0, err
	}
	k.startTurns(ctx)
	k.mu.Lock()
	own, moving, leaving, disputed := k.reg.Load(), k.in.Some(), k.leaving, k.own.Disputed()
	k.mu.Unlock()
	var done bool
	var err error
	switch {
	case own == nil && (moving || leaving):
		return k.cfg.CallLimit, nil
	case own == nil:
		if wait := claims.Next.Sub(k.env.Now()); wait > 0 {
			return wait, nil
		}
		if done, err = k.claimRange(ctx); done && err == nil {
			claims.Accepted(k.env.Now(), maxClaimGap*k.cfg.CallLimit)
			return max(claims.Next.Sub(k.env.Now()), 2*k.cfg.CallLimit), nil // the owner may not keep it: it may be dead, or hostile
		}
	default:
		*claims = ownership.ClaimPace{}
		done, err = k.lookBelow(ctx, own)
	}
	if stopped(err) {
		return 0, err
	}
	if !done || disputed {
		return retry.Reconcile, nil
	}
	if moving {
		return k.cfg.CallLimit, nil // for sources that become silent
	}
	return k.cfg.SyncInterval, nil
}

// claimRange claims this member's range from the owner of its identifier. A lookup finds the owner; while the ring is
// not ideal, the successor may know it better. If no live owner is found, claimUnowned decides whether there is one.
func (k *Keeper) claimRange(ctx context.Context) (done bool, err error) {
	began := k.env.Now()
	owner, err := k.member.LookupWithin(ctx, k.self.ID, claimLookup*k.cfg.CallLimit)
	if stopped(err) {
		return false, err
	}
	found := err == nil // an owner, which has confirmed it
	k.mu.Lock()
	again := k.own.Filled()
	if found {
		k.own.Found()
	}
	k.mu.Unlock()
	if live := k.member.State().Live(); !found && len(live) > 0 {
		owner = live[0]
	} else if !found {
		return k.claimUnowned(ctx, began)
	}
	for range maxForwards {
		if owner == k.self {
			break
		}
		k.mu.Lock()
		k.own.Claimed(owner)
		k.mu.Unlock()
		a, err := ask(k, ctx, owner, chordevent.SpanKeysMove, k.cfg.CallLimit, func(keys nodepb.KeysClient, call *nodepb.Call) (*nodepb.ClaimResponse, error) {
			return keys.Claim(ctx, &nodepb.ClaimRequest{Call: call, Again: again})
		})
		if err != nil {
			if stopped(err) {
				return false, err
			}
			break
		}
		better, err := wire.ReadOwnership(k.space, a.Owner)
		if err != nil {
			return false, err
		}
		if a.Accepted || better != nil && better.Owner == owner { // it owns the range, and is busy with another handoff
			k.mu.Lock()
			k.own.Found()
			k.mu.Unlock()
			return a.Accepted, nil
		}
		if better == nil {
			break
		}
		owner = better.Owner
	}
	if found {
		return false, nil // the ownership is changing right now
	}
	return k.claimUnowned(ctx, began)
}

// lookBelow determines whether the range right below this member's has a live owner, and takes it over if not. Only the
// owner of the next range does so; a member that owns nothing yet takes over nothing.
func (k *Keeper) lookBelow(ctx context.Context, own *terms.Ownership) (done bool, err error) {
	state := k.member.State()
	if p := state.Pred; p.Real() && own.Covers(p.ID) {
		// Mostly a joiner that will claim its part. Or a member that was taken for dead, and is not aware of it.
		if s, err := k.survey(ctx, p, own.From, chordevent.SpanRepair); stopped(err) {
			return false, err
		} else if err == nil && s.own != nil && s.own.Overlaps(*own) {
			k.mu.Lock()
			k.apply(k.own.Dispute(*s.own))
			k.mu.Unlock()
			return false, nil
		}
	}
	if own.From == k.self.ID {
		return true, nil // the whole circle
	}
	if k.lost() {
		return false, nil
	}
	k.mu.Lock()
	moving, doubt := k.out.Past() != nil || k.in.Covering(own.From) != nil, k.own.Doubted()
	k.mu.Unlock()
	if moving {
		return true, nil // the new owner below is not aware of it yet, or is about to be this member; the end of the handoff wakes this task
	}
	below, known := k.below(own)
	if known && below.Alive && state.Pred == below.Owner && !doubt && !below.Indirect {
		k.missing(false)
		return true, nil
	}
	if err := k.probeBelow(ctx, own); err != nil {
		return false, err
	}
	below, known = k.below(own)
	if known && below.Alive {
		// A member is between, or the ring has lost the owner, or the owner has claimed a range itself.
		s, err := k.survey(ctx, below.Owner, own.From, chordevent.SpanRepair)
		switch {
		case err == nil && s.own != nil:
			k.missing(false)
			k.mu.Lock()
			if s.own.Overlaps(*own) {
				k.apply(k.own.Dispute(*s.own))
			}
			k.mu.Unlock()
			return true, nil
		case err == nil:
			k.mu.Lock()
			changed := k.reg.Load() != own
			if !changed && !s.leaving { // a leaver returns its records by itself
				k.requireRecovery(below.Owner) // it is alive and owns nothing: it may have stepped down, and have records
			}
			k.mu.Unlock()
			if changed {
				return false, nil // its range has just been handed off to this member, for instance
			}
		case !errors.Is(err, terms.ErrDead):
			return false, err
		default:
			below.Alive = false
		}
	}
	k.missing(true)
	if known && !below.Alive {
		if err := k.askAround(ctx, below.Ownership, own.From); err != nil {
			return false, err
		}
	}
	// The predecessor may know a later owner, or be that owner. If no owner of the range below is known, all members that
	// may have received its ownership are surveyed.
	peers := []chord.Peer{state.Pred}
	if !known {
		peers = append(peers, k.witnesses(ctx)...)
	}
	peers = slices.DeleteFunc(peers, func(p chord.Peer) bool { return !p.Real() || p == k.self || known && p == below.Owner })
	// The owners that they refer to are surveyed concurrently: of a host that has ended, all its members at once.
	if _, err := k.surveyReferred(ctx, peers, own.From); err != nil {
		return false, err
	}
	latest, found := k.below(own)
	switch {
	case found && (!known || latest.Ownership != below.Ownership):
		return false, nil // another owner, or a smaller range: look again
	case found:
		if all, err := k.restOrphaned(ctx, own); all || err != nil {
			return false, err
		}
		return k.inherit(ctx, own, latest.From, latest.Epoch)
	}
	return k.inheritUnknown(ctx, own, state.Pred)
}

// askAround surveys concurrently the members affected by the death of an owner whose range is about to be taken over.
func (k *Keeper) askAround(ctx context.Context, dead terms.Ownership, point chord.ID) error {
	k.mu.Lock()
	others := k.own.Affected(dead, point, k.member.Known(), k.unreachable)
	k.mu.Unlock()
	_, _, err := k.surveyAll(ctx, others, point)
	return err
}

// probeBelow surveys concurrently the owners of adjacent ranges below this member's, after some have just been taken
// over from dead owners.
func (k *Keeper) probeBelow(ctx context.Context, own *terms.Ownership) error {
	k.mu.Lock()
	next := k.own.Row(own, k.unreachable)
	k.mu.Unlock()
	_, _, err := k.surveyAll(ctx, next, own.From)
	return err
}

func (k *Keeper) below(own *terms.Ownership) (ownership.Neighbor, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.own.Below(own, k.unreachable)
}

// inherit adds the range down to from to this member's own.
func (k *Keeper) inherit(ctx context.Context, own *terms.Ownership, from chord.ID, epoch int64) (bool, error) {
	between, err := k.between(ctx, own)
	if err != nil {
		return false, err
	}
	k.mu.Lock()
	if k.reg.Load() == own && k.in.Overlapping(terms.Arc{From: from, To: own.From}) == nil && k.out.Past() == nil {
		k.apply(k.own.Inherit(from, epoch, between))
	}
	k.mu.Unlock()
	k.publishRegister(ctx)
	return false, nil // continue below that
}

// between lists the members whose identifier is in this member's range: joiners that have not received their part yet,
// leavers that have handed theirs off. They follow the owner below directly, so they may be its replicas.
func (k *Keeper) between(ctx context.Context, own *terms.Ownership) (list []chord.Peer, err error) {
	at, last := k.member.State().Pred, k.self
	for at.Real() && chord.Between(own.From, at.ID, last.ID) && len(list) < maxSources/2 {
		s, err := k.survey(ctx, at, own.From, chordevent.SpanRepair)
		if err != nil {
			if stopped(err) {
				return nil, err
			}
			break
		}
		list = append(list, at)
		last, at = at, s.predecessor
	}
	return list, nil
}
