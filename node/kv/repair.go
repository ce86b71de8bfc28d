package kv

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.opentelemetry.io/otel/trace"

	"chordconductor/node/chord"
	"chordconductor/node/kv/handoff"
	"chordconductor/node/kv/replication"
	"chordconductor/node/kv/terms"
	"chordconductor/node/retry"
	"chordconductor/otel/chordevent"
)

// maxPasses bounds how often a range is compared anew with the same member while both change.
const maxPasses = 4

// repair is the task that keeps the range's replicas complete, and drops orphaned replicas of other ranges.
func (k *Keeper) repair(context.Context) {
	pause := k.cfg.SyncInterval
	for {
		err := k.repairDue.Wait(max(pause, retry.Repair))
		if !stopped(err) {
			pause, err = k.repairRound(k.tel.quiet)
		}
		if stopped(err) {
			k.tel.forget()
			return
		}
		if err := k.env.Sleep(k.jitter(retry.Repair)); err != nil {
			k.tel.forget()
			return
		}
	}
}

// repairRound does what is due and returns the time until the next round.
func (k *Keeper) repairRound(ctx context.Context) (time.Duration, error) {
	k.mu.Lock()
	k.updatePreference(k.member.State())
	k.mu.Unlock()
	again, err := k.repairRange(ctx)
	if stopped(err) {
		return 0, err
	}
	if err := k.expire(ctx); stopped(err) {
		return 0, err
	}
	k.mu.Lock()
	due, leaving := k.sweep, k.leaving
	k.mu.Unlock()
	if leaving {
		return again, nil // Leave drains by itself
	}
	if wait := due.Sub(k.env.Now()); wait > 0 {
		return min(again, wait), nil
	}
	k.mu.Lock()
	k.sweep = k.env.Now() // sweepSoon resets it
	k.mu.Unlock()
	left, err := k.sweepOrphanedReplicas(ctx)
	if stopped(err) {
		return 0, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if left == 0 {
		k.sweepGap = k.cfg.SyncInterval
	} else {
		k.sweepGap = min(2*k.sweepGap+time.Second, k.cfg.SyncInterval)
	}
	if !k.sweep.IsZero() { // otherwise a sweep has been requested meanwhile
		k.sweep = k.env.Now().Add(k.jitter(k.sweepGap))
	}
	return min(again, k.sweepGap), nil
}

// repairRange recovers the member's range if needed, and compares it with its replicas.
func (k *Keeper) repairRange(ctx context.Context) (again time.Duration, err error) {
	own := k.reg.Load()
	if own == nil {
		return k.cfg.SyncInterval, nil
	}
	if err := k.announceRange(ctx, own); err != nil {
		return retry.RepairFailed, err
	}
	asking, err := k.askSilent(ctx)
	if err != nil {
		return retry.RepairFailed, err
	}
	if err := k.recoverRange(ctx, own); err != nil {
		return retry.RepairFailed, err
	}
	k.hosts(ctx, k.cfg.Replicas-1)
	now := k.env.Now()
	k.mu.Lock()
	due := k.replicas.Due(now)
	lacks, incomplete, untilHeard := k.preference.Lacks, k.needsRecovery, k.untilHeard()
	k.mu.Unlock()
	again = k.cfg.SyncInterval
	if lacks || asking {
		again = k.suspicion() // by then a host that was taken for dead may count again
	}
	if incomplete {
		again = untilHeard
	}
	errs := make([]error, len(due))
	err = k.each(ctx, len(due), func(ctx context.Context, i int) { errs[i] = k.syncReplica(ctx, own, due[i]) })
	if err == nil {
		err = errors.Join(errs...)
	}
	if err != nil {
		return retry.RepairFailed, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.reg.Load() == own && !k.needsRecovery && k.replicas.AllSynced() {
		k.unsettled.SettleAll()
	}
	return again, nil
}

// syncReplica compares the range with a replica until both hold the same.
func (k *Keeper) syncReplica(ctx context.Context, own *terms.Ownership, h replication.Replica) error {
	for range maxPasses {
		done, err := k.repairWith(ctx, h.Peer, own, own.Arc(), true)
		k.noteRoom(h.Peer, !errors.Is(err, terms.ErrPeerFull))
		if done.Full {
			k.mu.Lock()
			k.requireRecovery(h.Peer) // the replica holds what there is no room for here
			k.mu.Unlock()
		}
		if err != nil {
			return err
		}
		if done.Differed {
			continue
		}
		k.mu.Lock()
		if k.reg.Load() == own && k.replicas.On(h.Peer) != nil {
			k.replicas.Equal(h, k.env.Now().Add(k.jitter(k.cfg.SyncInterval)))
		}
		k.mu.Unlock()
		return nil
	}
	return handoff.ErrLate // writes arrive faster than they are compared; retried soon
}

// repairWith reconciles an arc with a member. It starts a trace when it finds a difference. Without push nothing is
// sent to the other member.
func (k *Keeper) repairWith(ctx context.Context, p chord.Peer, own *terms.Ownership, whole terms.Arc, push bool) (replication.Exchanged, error) {
	start := k.env.Now()
	var span trace.Span
	done, err := k.reconcile(ctx, p, own, whole, push, func() (traced context.Context) {
		traced, span = k.tel.startAt(context.Background(), start, chordevent.SpanRepair,
			chordevent.OutcomeKey.String(chordevent.OutcomeChanged), chordevent.PeerIDKey.String(k.space.Format(p.ID)))
		return traced
	})
	if span != nil {
		k.tel.end(span, err, chordevent.RepairRecordsKey.Int(done.Pulled+done.Pushed), chordevent.RepairBytesKey.Int64(done.Bytes))
	}
	return done, err
}

// announceRange sends a changed register to the successor, and to at least one other host, so that a successor that may
// have to take the range over knows it. Replicas receive it with their comparison.
func (k *Keeper) announceRange(ctx context.Context, own *terms.Ownership) error {
	k.mu.Lock()
	announced := k.announced
	k.announced = true
	var peers []chord.Peer
	if live := k.member.State().Live(); len(live) > 0 && k.replicas.On(live[0]) == nil {
		peers = append(peers, live[0])
	}
	if len(k.replicas) == 0 && len(k.preference.Hosts) > 0 && (len(peers) == 0 || peers[0] != k.preference.Hosts[0]) {
		peers = append(peers, k.preference.Hosts[0])
	}
	k.mu.Unlock()
	if announced {
		return nil
	}
	for _, p := range peers {
		if err := k.announce(ctx, p, *own); err != nil {
			k.mu.Lock()
			k.announced = false
			k.mu.Unlock()
			return err
		}
	}
	return nil
}

// recoverRange recovers a range that needs it: it fetches newer versions from all reachable members that may hold
// records of the range, and sends the replicas what is newer here, until nothing is left to fetch. What is then held
// here is settled, except what a replica has no room for. Members that cannot be reached are asked when they call
// again. While this host lacks room for a record the range still needs recovery, and each read asks the members that
// have it.
func (k *Keeper) recoverRange(ctx context.Context, own *terms.Ownership) error {
	for range maxPasses + 1 {
		k.mu.Lock()
		needsRecovery, recoveries := k.needsRecovery, k.recoveries
		k.mu.Unlock()
		if !needsRecovery {
			return nil
		}
		peers := k.toAsk(ctx)
		errs, pulled := make([]error, len(peers)), make([]int, len(peers))
		if err := k.each(ctx, len(peers), func(ctx context.Context, i int) {
			var done replication.Exchanged
			done, errs[i] = k.recover(ctx, peers[i], own)
			pulled[i] = done.Pulled
		}); err != nil {
			return err
		}
		for _, err := range errs {
			if err != nil && !errors.Is(err, terms.ErrDead) {
				return err
			}
		}
		k.mu.Lock()
		if slices.Max(append(pulled, 0)) == 0 && k.reg.Load() == own && k.recoveries == recoveries {
			k.recovered(peers)
			k.mu.Unlock()
			return nil
		}
		k.mu.Unlock()
	}
	return handoff.ErrLate // retried soon
}

// askSilent calls the members that were silent when the range was recovered, whenever they may count again: one that
// was wrongly taken for dead may not call this member by itself. again reports whether it will call them once more.
// After fresh() they are dead, and only a call from them makes the range need recovery. It also asks the hosts that have
// been about to leave for a while, whether they still are.
func (k *Keeper) askSilent(ctx context.Context) (again bool, err error) {
	k.mu.Lock()
	now := k.env.Now()
	var peers []chord.Peer
	if again = now.Before(k.asking) && len(k.silent) > 0; again {
		for _, u := range k.silent {
			if !k.dead.Has(u.peer, now) {
				peers = append(peers, u.peer)
			}
		}
	}
	leavers := k.slowLeavers()
	k.mu.Unlock()
	answers, _, err := k.surveyAll(ctx, append(peers, leavers...), k.self.ID) // an answer shows that the member is alive
	if err != nil {
		return false, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for i, p := range leavers {
		if answers[len(peers)+i].leaving {
			k.learnLeaver(p)
		}
	}
	return again, nil
}

// recover fetches what is newer at a member that may hold records of this one's range. Only a replica is sent what is
// newer here; if it lacks room for that, nothing is missing here.
func (k *Keeper) recover(ctx context.Context, p chord.Peer, own *terms.Ownership) (replication.Exchanged, error) {
	k.mu.Lock()
	holds := k.replicas.On(p) != nil
	k.mu.Unlock()
	done, err := k.repairWith(ctx, p, own, own.Arc(), holds)
	if holds {
		k.noteRoom(p, !errors.Is(err, terms.ErrPeerFull))
	}
	if errors.Is(err, terms.ErrPeerFull) && !done.Full {
		err = nil
	}
	return done, err
}

// recovered marks the range as recovered from all live members, unless it is incomplete without one that is taken for
// dead. Members that may hold records of it and were taken for dead are noted, to be asked when they are alive. mu is
// held.
func (k *Keeper) recovered(asked []chord.Peer) {
	if k.noteUnheard(asked); k.incomplete() {
		return // they are asked when they count again, see repairRange
	}
	k.needsRecovery, k.sources, k.asking = false, nil, k.env.Now().Add(fresh(k.cfg))
	k.unsettled.SettleAll()
	k.unsync()
	k.replicas.Recovered()
}
