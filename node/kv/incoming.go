package kv

import (
	"context"
	"slices"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/kv/terms"
	"chordconductor/node/store"
	"chordconductor/otel/chordevent"
)

// A member can receive ranges from several leavers at once. The ranges are adjacent, below its own. Their records
// arrive concurrently, and so do their releases (chord.Turns); this member takes them over in order (chord.Turn), from
// the nearest one down, so that its range stays contiguous. A source that has released its range waits until it is
// taken over. If that becomes impossible, because the handoff above it has failed, the handoff is given up: its source
// owns the range again.

const (
	// maxIncoming bounds the concurrent incoming handoffs. Beyond it a leaver is refused, and retries.
	maxIncoming = 64
	// maxTaken bounds the IDs of completed handoffs that are kept for their late messages.
	maxTaken = 2 * maxIncoming
	// promiseLimit is for how long room is reserved for a leaver that does not begin, in call limits.
	promiseLimit = 8
)

// incomings are the incoming handoffs, in the order in which they began. No two overlap, or have one source.
type incomings []*incoming

// find returns the handoff with an ID, from a source if one is given.
func (list incomings) find(id string, source chord.Peer) *incoming {
	return list.first(func(m *incoming) bool { return m.id == id && (m.source == source || source == chord.Peer{}) })
}

func (list incomings) from(source chord.Peer) *incoming {
	return list.first(func(m *incoming) bool { return m.source == source })
}

func (list incomings) covering(id chord.ID) *incoming {
	return list.first(func(m *incoming) bool { return m.Covers(id) })
}

func (list incomings) overlapping(a terms.Arc) *incoming {
	return list.first(func(m *incoming) bool { return m.Overlaps(a) })
}

func (list incomings) first(is func(*incoming) bool) *incoming {
	if i := slices.IndexFunc(list, is); i >= 0 {
		return list[i]
	}
	return nil
}

// mayTakeOver reports whether a leaver's handoff may begin at an owner that takes part in so many others. mu is held.
func (k *Keeper) mayTakeOver(m *incoming, own *terms.Ownership, others int) bool {
	if !k.stance().Receives() || others >= maxIncoming || m.To != m.source.ID || m.Overlaps(own.Arc()) {
		return false
	}
	return k.ins.first(func(other *incoming) bool { return other.source != m.source && other.Overlaps(m.Arc) }) == nil
}

func (k *Keeper) stance() chord.Stance {
	if k.leaving {
		return chord.Leaves
	}
	return chord.Stays
}

// hasTurn reports whether a handoff's range is adjacent to this member's own. mu is held.
func (k *Keeper) hasTurn(m *incoming) bool {
	own := k.reg.Load()
	if own == nil {
		return m.To == k.self.ID
	}
	return chord.Turn(m.To, own.From)
}

func (k *Keeper) hasTaken(id string) bool { return slices.Contains(k.taken, id) }

// turns lists the handoffs that may be released, in order. mu is held.
func (k *Keeper) turns() (list []*incoming) {
	from := k.self.ID
	if own := k.reg.Load(); own != nil {
		from = own.From
	}
	var ready []*incoming
	var complete []chord.Range
	for _, m := range k.ins {
		if m.prepared {
			ready, complete = append(ready, m), append(complete, chord.Range{From: m.From, To: m.To})
		}
	}
	for _, i := range chord.Turns(from, complete) {
		list = append(list, ready[i])
	}
	return list
}

// endIn removes a handoff from the list, and returns the room reserved for it. mu is held.
func (k *Keeper) endIn(m *incoming) *incoming {
	k.ins = slices.DeleteFunc(k.ins, func(other *incoming) bool { return other == m })
	k.budget.take(-m.room, forKeeps)
	m.room = 0
	m.ended.Set()
	return m
}

// startTurns starts a task that requests the releases that are due and have not been requested, if there are any.
func (k *Keeper) startTurns(ctx context.Context) {
	k.mu.Lock()
	var ask []*incoming
	for _, m := range k.turns() {
		if !m.due {
			m.due = true
			ask = append(ask, m)
		}
	}
	k.mu.Unlock()
	if len(ask) > 0 {
		_ = k.env.Go(ctx, func(ctx context.Context) { // an environment that has ended starts no tasks
			_ = k.each(ctx, len(ask), func(ctx context.Context, i int) { k.inquire(ctx, ask[i], true) })
		})
	}
}

// takeReleased makes this member responsible for all ranges that have been released and whose turn it is. mu is held.
func (k *Keeper) takeReleased() (reports []handoffReport) {
	for {
		m := k.ins.first(func(m *incoming) bool { return m.released && m.prepared && k.hasTurn(m) })
		if m == nil {
			return reports
		}
		reports = append(reports, k.activate(m))
		if m.doubtful {
			k.requireRecovery()
		}
	}
}

// awaitTurn waits until a released handoff has been taken over or given up, for a quarter of a call limit at most. It
// reports whether it has been taken over, and whether it still may be. A handoff that no longer can is given up.
func (k *Keeper) awaitTurn(m *incoming) (taken, waits bool, reports []handoffReport) {
	_ = m.ended.Wait(k.cfg.CallLimit / 4)
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.hasTaken(m.id):
		return true, false, nil
	case !slices.Contains(k.ins, m):
		return false, false, nil
	case slices.Contains(k.turns(), m):
		return false, true, nil
	}
	return false, false, []handoffReport{k.discardIn(m, terms.ErrOvertaken)}
}

// dropIncoming gives up incoming handoffs, because this member is about to leave and the sources hand off to the next
// member that stays. It keeps those that their sources may have released, except of leavers that would take their range
// back. mu is held.
func (k *Keeper) dropIncoming() (reports []handoffReport) {
	for _, m := range slices.Clone(k.ins) {
		if !m.due || m.reason == chordevent.MoveLeave && !m.firm {
			reports = append(reports, k.discardIn(m, errLeaving))
		}
	}
	return reports
}

// A promise is room that is reserved for a leaver until its handoff begins.
type promise struct {
	leaver chord.Peer
	bytes  int64
	until  time.Time
}

// promiseRoom reserves room for a leaver's range, in addition to its records already held, and reports whether there is
// any. mu is held.
func (k *Keeper) promiseRoom(leaver chord.Peer, a terms.Arc, bytes int64) bool {
	k.breakPromises(leaver)
	need := max(bytes-k.store.Summary(a.From, a.To).Bytes, 0)
	if len(k.promises) == maxIncoming || !k.budget.take(need, forKeeps) {
		return false
	}
	k.promises = append(k.promises, promise{leaver, need, k.env.Now().Add(promiseLimit * k.cfg.CallLimit)})
	return true
}

// keepRoom reserves for a handoff what was promised to its source, or what it needs now. mu is held.
func (k *Keeper) keepRoom(m *incoming, bytes int64) bool {
	k.breakPromises(m.source)
	if bytes <= 0 {
		return true
	}
	need := max(bytes-k.store.Summary(m.From, m.To).Bytes, 0)
	if !k.budget.take(need, forKeeps) {
		return false
	}
	m.room = need
	return true
}

// useRoom releases reserved room for a record that is about to be stored. mu is held.
func (k *Keeper) useRoom(m *incoming, r *store.Record) {
	n := min(m.room, r.Size())
	m.room -= n
	k.budget.take(-n, forKeeps)
}

// breakPromises releases what was promised to a leaver, and what has lapsed. mu is held.
func (k *Keeper) breakPromises(leaver chord.Peer) {
	now := k.env.Now()
	k.promises = slices.DeleteFunc(k.promises, func(p promise) bool {
		if p.leaver != leaver && p.until.After(now) {
			return false
		}
		k.budget.take(-p.bytes, forKeeps)
		return true
	})
}

// noteRoom notes whether a replica has room for the range.
func (k *Keeper) noteRoom(p chord.Peer, room bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if h := k.replicaOn(p); h != nil {
		h.lacks = !room
	}
}
