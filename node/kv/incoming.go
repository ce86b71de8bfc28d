package kv

import (
	"context"

	"chordconductor/node/chord"
	"chordconductor/node/kv/handoff"
	"chordconductor/node/kv/terms"
	"chordconductor/node/store"
)

// promiseLimit is for how long, in call limits, memory is reserved for a leaver that does not begin
// its handoff.
const promiseLimit = 8

func (k *Keeper) stance() chord.Stance {
	if k.leaving {
		return chord.Leaves
	}
	return chord.Stays
}

// endIn removes a handoff from the list, and returns the room reserved for it. mu is held.
func (k *Keeper) endIn(m *handoff.Incoming) *incoming {
	k.budget.take(-k.in.End(m), forKeeps)
	call := k.calls[m]
	delete(k.calls, m)
	call.ended.Set()
	return call
}

// startTurns starts a task that requests the releases that are due and have not been requested, if there are any.
func (k *Keeper) startTurns(ctx context.Context) {
	k.mu.Lock()
	ask := k.in.BecomeDue(k.reg.Load())
	k.mu.Unlock()
	if len(ask) > 0 {
		_ = k.env.Go(ctx, func(ctx context.Context) { // an environment that has ended starts no tasks
			_ = k.each(ctx, len(ask), func(ctx context.Context, i int) { k.inquire(ctx, ask[i], true) })
		})
	}
}

// takeReleased makes this member responsible for all ranges that have been released and whose turn it is. mu is held.
func (k *Keeper) takeReleased() (reports []handoffReport) {
	for m := k.in.Next(k.reg.Load()); m != nil; m = k.in.Next(k.reg.Load()) {
		reports = append(reports, k.activate(m))
		if m.Doubtful {
			k.requireRecovery()
		}
	}
	return reports
}

// awaitTurn waits, for a quarter of a call limit at most, until a released handoff has been taken
// over or given up. It reports whether the handoff has been taken over (taken), and whether that is
// still possible (waits). A handoff that can no longer be taken over is given up.
func (k *Keeper) awaitTurn(m *incoming) (taken, waits bool, reports []handoffReport) {
	_ = m.ended.Wait(k.cfg.CallLimit / 4)
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.in.HasTaken(m.ID):
		return true, false, nil
	case !k.in.Has(m.Incoming):
		return false, false, nil
	case k.in.MayRelease(m.Incoming, k.reg.Load()):
		return false, true, nil
	}
	return false, false, []handoffReport{k.discardIn(m.Incoming, terms.ErrOvertaken)}
}

// dropIncoming gives up the incoming handoffs that have not been released, because this member is about to leave. mu is
// held.
func (k *Keeper) dropIncoming() (reports []handoffReport) {
	for _, m := range k.in.Unreleased() {
		reports = append(reports, k.discardIn(m, errLeaving))
	}
	return reports
}

// promiseRoom reserves room for a leaver's range, in addition to its records already held, and reports whether there is
// any. mu is held.
func (k *Keeper) promiseRoom(leaver chord.Peer, a terms.Arc, bytes int64) bool {
	k.breakPromises(leaver)
	need := max(bytes-k.store.Summary(a.From, a.To).Bytes, 0)
	if !k.in.MayPromise() || !k.budget.take(need, forKeeps) {
		return false
	}
	k.in.Promise(leaver, need, k.env.Now().Add(promiseLimit*k.cfg.CallLimit))
	return true
}

// keepRoom reserves for a handoff what was promised to its source, or what it needs now. mu is held.
func (k *Keeper) keepRoom(m *handoff.Incoming, bytes int64) bool {
	k.breakPromises(m.Source)
	if bytes <= 0 {
		return true
	}
	need := max(bytes-k.store.Summary(m.From, m.To).Bytes, 0)
	if !k.budget.take(need, forKeeps) {
		return false
	}
	m.Room = need
	return true
}

// useRoom releases reserved room for a record that is about to be stored. mu is held.
func (k *Keeper) useRoom(m *handoff.Incoming, r *store.Record) {
	k.budget.take(-m.UseRoom(r.Size()), forKeeps)
}

// breakPromises releases what was promised to a leaver, and what has lapsed. mu is held.
func (k *Keeper) breakPromises(leaver chord.Peer) {
	k.budget.take(-k.in.Break(leaver, k.env.Now()), forKeeps)
}

// noteRoom notes whether a replica has room for the range.
func (k *Keeper) noteRoom(p chord.Peer, room bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if h := k.replicas.On(p); h != nil {
		h.Lacks = !room
	}
}
