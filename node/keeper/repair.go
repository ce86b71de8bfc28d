package keeper

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.opentelemetry.io/otel/trace"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// maxPasses bounds how often a range is compared anew with the same member while both change.
const maxPasses = 4

// repairPause is the least time between two rounds of repair.
const repairPause = 50 * time.Millisecond

// repair is the task that keeps the copies of the member's range where they belong, and what is held for others no
// longer than needed.
func (k *Keeper) repair(context.Context) {
	pause := k.cfg.SyncInterval
	for {
		err := k.repairDue.Wait(max(pause, repairPause))
		if !stopped(err) {
			pause, err = k.repairRound(k.tel.quiet)
		}
		if stopped(err) {
			k.tel.forget()
			return
		}
		if err := k.env.Sleep(k.jitter(repairPause)); err != nil {
			k.tel.forget()
			return
		}
	}
}

// repairRound does what is due and returns the time until more is.
func (k *Keeper) repairRound(ctx context.Context) (time.Duration, error) {
	k.mu.Lock()
	k.rewalk(k.member.State())
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
		return again, nil // Leave sweeps by itself
	}
	if wait := due.Sub(k.env.Now()); wait > 0 {
		return min(again, wait), nil
	}
	left, err := k.sweepLeftovers(ctx)
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
	if k.sweep == due { // else something has happened meanwhile
		k.sweep = k.env.Now().Add(k.jitter(k.sweepGap))
	}
	return min(again, k.sweepGap), nil
}

// repairRange brings the member's range and its holders of copies together.
func (k *Keeper) repairRange(ctx context.Context) (again time.Duration, err error) {
	own := k.reg.Load()
	if own == nil {
		return k.cfg.SyncInterval, nil
	}
	if err := k.announceRange(ctx, own); err != nil {
		return time.Second, err
	}
	asking, err := k.askSilent(ctx)
	if err != nil {
		return time.Second, err
	}
	if err := k.cleanse(ctx, own); err != nil {
		return time.Second, err
	}
	k.hosts(ctx, k.cfg.Replicas-1)
	now := k.env.Now()
	k.mu.Lock()
	var due []holder
	for _, h := range k.holders {
		if !h.synced || !now.Before(h.next) {
			due = append(due, h)
		}
	}
	lacks := k.walk.lacks
	k.mu.Unlock()
	again = k.cfg.SyncInterval
	if lacks || asking {
		again = k.suspicion() // by then a host that was found dead may count again
	}
	errs := make([]error, len(due))
	err = k.each(ctx, len(due), func(ctx context.Context, i int) { errs[i] = k.syncHolder(ctx, own, due[i]) })
	if err == nil {
		err = errors.Join(errs...)
	}
	if err != nil {
		return time.Second, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.reg.Load() == own && !k.unclean && k.allSynced() {
		k.settleAll()
	}
	return again, nil
}

// syncHolder compares the range with a holder of copies until both hold the same.
func (k *Keeper) syncHolder(ctx context.Context, own *ownership, h holder) error {
	for range maxPasses {
		done, err := k.repairWith(ctx, h.peer, own, own.arc(), true)
		k.noteRoom(h.peer, !errors.Is(err, errPeerFull))
		if done.full {
			k.mu.Lock()
			k.soil(h.peer) // it has what there is no room for here
			k.mu.Unlock()
		}
		if err != nil {
			return err
		}
		if done.differed {
			continue
		}
		k.mu.Lock()
		if now := k.holder(h.peer); now != nil && k.reg.Load() == own {
			now.synced = now.missed == h.missed
			now.compared, now.made = true, h.missed
			now.next = k.env.Now().Add(k.jitter(k.cfg.SyncInterval))
		}
		k.mu.Unlock()
		return nil
	}
	return errLate // writes come faster than they are compared; again soon
}

// repairWith is a reconciliation that is a trace if, and from the moment that, it finds a difference.
// Without push nothing is brought to the other member.
func (k *Keeper) repairWith(ctx context.Context, p chord.Peer, own *ownership, whole arc, push bool) (outcome, error) {
	start := k.env.Now()
	var span trace.Span
	done, err := k.reconcile(ctx, p, own, whole, push, func() (traced context.Context) {
		traced, span = k.tel.startAt(context.Background(), start, chordevent.SpanRepair,
			chordevent.OutcomeKey.String(chordevent.OutcomeChanged), chordevent.PeerIDKey.String(k.space.Format(p.ID)))
		return traced
	})
	if span != nil {
		k.tel.end(span, err, chordevent.RepairRecordsKey.Int(done.pulled+done.pushed), chordevent.RepairBytesKey.Int64(done.bytes))
	}
	return done, err
}

// announceRange tells a changed register to the successor, and to one other host at least, so that a successor that must
// take the range over one day knows it. Holders of copies hear it with their comparison.
func (k *Keeper) announceRange(ctx context.Context, own *ownership) error {
	k.mu.Lock()
	told := k.announced
	k.announced = true
	var peers []chord.Peer
	if live := k.member.State().Live(); len(live) > 0 && k.holder(live[0]) == nil {
		peers = append(peers, live[0])
	}
	if len(k.holders) == 0 && len(k.walk.hosts) > 0 && (len(peers) == 0 || peers[0] != k.walk.hosts[0]) {
		peers = append(peers, k.walk.hosts[0])
	}
	k.mu.Unlock()
	if told {
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

// cleanse makes an unclean range clean: it takes from everybody who may hold records of it, and can be reached, what is
// newer there, and brings the holders of copies what is newer here, until there is nothing left to take. So what is then
// held here is settled, but for what a holder has no room for. Who cannot be reached is asked when it gives a sign of life.
// While this host lacks room for something the range stays unclean, and each read asks those who have it.
func (k *Keeper) cleanse(ctx context.Context, own *ownership) error {
	for range maxPasses + 1 {
		k.mu.Lock()
		unclean, soils := k.unclean, k.soils
		k.mu.Unlock()
		if !unclean {
			return nil
		}
		peers := k.witnesses(ctx)
		errs, pulled := make([]error, len(peers)), make([]int, len(peers))
		if err := k.each(ctx, len(peers), func(ctx context.Context, i int) {
			var done outcome
			done, errs[i] = k.recover(ctx, peers[i], own)
			pulled[i] = done.pulled
		}); err != nil {
			return err
		}
		for _, err := range errs {
			if err != nil && !errors.Is(err, errDead) {
				return err
			}
		}
		k.mu.Lock()
		if slices.Max(append(pulled, 0)) == 0 && k.reg.Load() == own && k.soils == soils {
			k.isClean(peers)
		}
		k.mu.Unlock()
	}
	return errLate // again soon
}

// askSilent asks those that were silent when the range became clean whether they live after all, as often as they may count
// again: one that was found dead without being so may not call this member by itself. It reports whether it does so again.
// After a while they are dead, and only a call of theirs makes the range unclean.
func (k *Keeper) askSilent(ctx context.Context) (again bool, err error) {
	k.mu.Lock()
	now := k.env.Now()
	var peers []chord.Peer
	if again = now.Before(k.asking) && len(k.silent) > 0; again {
		peers = slices.DeleteFunc(slices.Clone(k.silent), func(p chord.Peer) bool { return hasLapsed(k.dead, p, now) })
	}
	k.mu.Unlock()
	_, _, err = k.surveyAll(ctx, peers, k.self.ID) // an answer is a sign of life
	return again, err
}

// recover takes what is newer at a member that may hold records of this one's range. Only a holder of copies is brought
// what is newer here; if it lacks room for that, nothing is missing here.
func (k *Keeper) recover(ctx context.Context, p chord.Peer, own *ownership) (outcome, error) {
	k.mu.Lock()
	holds := k.holder(p) != nil
	k.mu.Unlock()
	done, err := k.repairWith(ctx, p, own, own.arc(), holds)
	if holds {
		k.noteRoom(p, !errors.Is(err, errPeerFull))
	}
	if errors.Is(err, errPeerFull) && !done.full {
		err = nil
	}
	return done, err
}

// isClean notes that the range is clean, as far as members can tell that live: who of those that may hold records of it
// has been found dead is noted, to be asked when it lives. mu is held.
func (k *Keeper) isClean(asked []chord.Peer) {
	now := k.env.Now()
	for _, p := range slices.Concat(k.walk.list, asked, k.sources) {
		if hasLapsed(k.dead, p, now) {
			k.silent = addSource(k.silent, p)
		}
	}
	k.unclean, k.sources, k.asking = false, nil, now.Add(k.fresh())
	k.settleAll()
	k.unsync()
	for i := range k.holders {
		k.holders[i].compared = false // of how much has come, only a comparison tells
	}
}
