package kv

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/kv/handoff"
	"chordconductor/node/kv/terms"
	"chordconductor/node/nodepb"
	"chordconductor/node/store"
	"chordconductor/node/wire"
	"chordconductor/otel/chordevent"
)

// A leaver may drop its records of another owner's range when that owner confirms that R hosts that
// stay hold the same records. The leaver asks each owner by one call, with the digest of what it
// holds; only if the digests differ do the two compare. An owner that must find another host first
// is asked again, at growing intervals.

// maxShed bounds the owners that are asked concurrently.
const maxShed = 16

// drain drops everything held here, with the owners' consent. With nothing held it makes no call. If no member stays it
// returns ErrLastHost.
func (k *Keeper) drain(ctx context.Context, deadline time.Time) error {
	compared := map[terms.Arc]uint64{} // by arc: the digest at which the owner had the newest version of each record; never iterated
	for gap := time.Duration(0); ; {
		ranges, err := k.replicaRanges(ctx)
		left := len(ranges)
		for len(ranges) > 0 && err == nil {
			some := ranges[:min(len(ranges), maxShed)]
			ranges = ranges[len(some):]
			errs := make([]error, len(some))
			for i := range some {
				some[i].Digest, some[i].Known = compared[some[i].Arc]
			}
			if err = k.each(ctx, len(some), func(ctx context.Context, i int) { errs[i] = k.shed(ctx, &some[i]) }); err != nil {
				return err
			}
			for i := range some {
				if some[i].Known {
					compared[some[i].Arc] = some[i].Digest
				}
				if errs[i] == nil {
					left--
				}
			}
			err = FirstOf("ranges", errs)
		}
		switch {
		case stopped(err) || errors.Is(err, ErrNoRoom) || errors.Is(err, ErrLastHost):
			return err
		case err == nil && left == 0:
			return nil
		case ctx.Err() != nil || k.env.Now().After(deadline):
			return fmt.Errorf("%d ranges that this member has replicas of are not fully replicated on other hosts at the deadline: %w", left, err)
		}
		var paused, alone error
		if err := k.each(ctx, 2, func(ctx context.Context, i int) {
			if i == 0 {
				paused = k.pause(&gap)
			} else {
				alone = k.Lonely(ctx) // the owners may be leaving, too, or be dead
			}
		}); err != nil || paused != nil || alone != nil {
			return errors.Join(err, paused, alone)
		}
	}
}

// replicaRanges lists the ranges of which records are held here, by owner, once around the circle
// from this member on. A range that contains this member's identifier is split there: in most cases
// it is the range that the receiver has just received, and records are held only on one side.
func (k *Keeper) replicaRanges(ctx context.Context) (list []handoff.HeldRange, err error) {
	at := k.self.ID
	for {
		k.mu.Lock()
		var id chord.ID
		found := false
		k.store.Ascend(at, k.self.ID, func(r *store.Record) bool {
			id, found = r.ID, true
			return false
		})
		known, ok := k.own.Table.Covering(id)
		dead := k.dead.Has(known.Owner, k.env.Now())
		k.mu.Unlock()
		if !found {
			return list, nil
		}
		if !ok || dead {
			if err := k.Lonely(ctx); err != nil {
				return list, err
			}
			owner, err := k.member.Lookup(ctx, id)
			if err != nil {
				return list, fmt.Errorf("cannot find the owner of a range that this member has a replica of: %w", err)
			}
			s, err := k.survey(ctx, owner, id, chordevent.SpanLeave)
			if err != nil {
				return list, err
			}
			if s.own == nil || !s.own.Covers(id) {
				return list, fmt.Errorf("%w: %s does not own the range any more", terms.ErrRefused, owner.Addr)
			}
			known.Ownership = *s.own
		}
		c, last := handoff.Held(known.Ownership, k.self.ID, id)
		if list = append(list, c); last || !chord.Between(at, c.To, k.self.ID) {
			return list, nil
		}
		at = c.To
	}
}

// shed first sends the owner of a range the records that it lacks, and drops the records held here
// if the owner agrees. On an error none has been dropped.
func (k *Keeper) shed(ctx context.Context, c *handoff.HeldRange) error {
	for try := 0; ; try++ {
		k.mu.Lock()
		held := k.store.Summary(c.From, c.To)
		part := k.arcToWire(c.Arc)
		k.mu.Unlock()
		var q *nodepb.DiscardRequest
		named := k.heldOwnership(c)
		a, err := ask(k, ctx, c.Owner, chordevent.SpanLeave, k.cfg.CallLimit, func(keys nodepb.KeysClient, call *nodepb.Call) (*nodepb.DiscardResponse, error) {
			q = &nodepb.DiscardRequest{Call: call, Ownership: named, Leaving: true, Held: part, Compared: c.Known && c.Digest == held.Digest}
			return keys.Discard(ctx, q)
		})
		if err == nil {
			a, err = k.discardAnswered(ctx, c.Owner, q, a)
		}
		if err != nil {
			return err
		}
		own, err := wire.ReadOwnership(k.space, a.Ownership)
		if err != nil {
			return fmt.Errorf("%w: %w", terms.ErrRefused, err)
		}
		owner, err := k.learnOwner(c, own, a.Claims)
		switch {
		case err != nil:
			return err
		case owner != c.Owner && try < maxPasses:
			c.Owner, c.Known = owner, false
			continue
		}
		switch {
		case a.Granted:
			if !k.dropRange(c.Arc, held.Digest) {
				return terms.ErrOvertaken // a record has been added meanwhile; retry
			}
			return nil
		case a.Full:
			return fmt.Errorf("%w: no other host has memory for the replica of the range that %s owns", ErrNoRoom, c.Owner.Addr)
		case !a.Differs || try >= maxPasses || own == nil:
			return fmt.Errorf("%w: %s has not released this replica: other hosts may still lack some of its records", terms.ErrRefused, c.Owner.Addr)
		}
		done, err := k.repairWith(ctx, c.Owner, nil, c.Arc, true)
		if err != nil {
			return err
		}
		if done.Pushed == 0 {
			c.Known, c.Digest = true, held.Digest
		}
	}
}

// learnOwner updates the ownership table by the answer of the presumed owner of what a leaver holds, and returns the
// owner to ask next.
func (k *Keeper) learnOwner(c *handoff.HeldRange, own *terms.Ownership, claims []*nodepb.Ownership) (chord.Peer, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if own != nil && own.Owner == c.Owner && own.Covers(c.To) {
		k.own.Table.Learn(*own, k.env.Now())
		return c.Owner, nil
	}
	k.own.Table.Forget(c.Owner)
	for _, claim := range claims[:min(len(claims), 1)] {
		o, err := wire.ReadOwnership(k.space, claim)
		if err != nil {
			return chord.Peer{}, fmt.Errorf("%w: %w", terms.ErrRefused, err)
		}
		if o != nil && o.Covers(c.To) && o.Owner != k.self {
			return o.Owner, nil // a referral
		}
	}
	return c.Owner, nil
}

// discardOfLeaver answers a leaver's Discard. From now on the leaver does not count as a replica.
func (k *Keeper) discardOfLeaver(ctx context.Context, from chord.Peer, q *nodepb.DiscardRequest) (*nodepb.DiscardResponse, error) {
	held, err := wire.ReadArc(k.space, q.Held)
	if err != nil {
		return nil, malformed(err)
	}
	k.mu.Lock()
	k.learnLeaver(from)
	k.mu.Unlock()
	k.findHosts(ctx, k.cfg.Replicas-1, true) // so that there are as many replicas as possible
	for pass := range maxPasses {
		if !k.skipLeavers(ctx, pass > 0) {
			break
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	a := &nodepb.DiscardResponse{Reply: k.member.Reply()}
	if known, ok := k.own.Table.Covering(held.To); ok {
		a.Claims = append(a.Claims, wire.Ownership(known.Ownership))
	}
	own := k.reg.Load()
	if own == nil {
		return a, nil
	}
	a.Ownership = wire.Ownership(*own)
	if !own.Covers(held.To) || held.From != own.From && !own.Covers(held.From) {
		return a, nil
	}
	sum := k.store.Summary(held.From, held.To)
	a.Differs = !q.Compared && (sum.Digest != q.Held.Digest || sum.Count != q.Held.Count)
	a.Granted = !a.Differs && !k.needsRecovery && k.replicas.On(from) == nil && k.replicas.AllSynced() && k.spared(from, true)
	for _, h := range k.replicas {
		a.Full = a.Full || h.Lacks
	}
	if !a.Granted {
		k.repairDue.Set()
	}
	return a, nil
}

// skipLeavers asks new replicas whether they are about to leave, and replaces those that are before
// any record is sent to them. It reports whether there were any. Where one member leaves, many
// others may leave as well: with all, all candidates for a replica are therefore asked at once.
func (k *Keeper) skipLeavers(ctx context.Context, all bool) (some bool) {
	var ask []chord.Peer
	k.mu.Lock()
	for _, h := range k.replicas {
		if !h.Synced {
			ask = append(ask, h.Peer)
		}
	}
	if now := k.env.Now(); all && len(ask) > 0 {
		for _, p := range slices.Concat(k.member.State().Live(), k.preference.List, k.preference.Hosts) {
			if p.Addr != k.self.Addr && !slices.Contains(ask, p) && !k.dead.Has(p, now) && !k.leavers.Has(p, now) {
				ask = append(ask, p)
			}
		}
	}
	k.mu.Unlock()
	leaving := make([]bool, len(ask))
	if k.each(ctx, len(ask), func(ctx context.Context, i int) {
		s, err := k.survey(ctx, ask[i], k.self.ID, chordevent.SpanRepair)
		leaving[i] = err == nil && s.leaving
	}) != nil {
		return false
	}
	k.mu.Lock()
	for i, p := range ask {
		if leaving[i] {
			some = true
			k.learnLeaver(p)
		}
	}
	k.mu.Unlock()
	if some {
		k.findHosts(ctx, k.cfg.Replicas-1, true)
	}
	return some
}
