package keeper

import (
	"context"
	"slices"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/store"
)

// A member receives ranges from several leavers at once. They follow each other below its own range, and each is released
// in its turn (chord.Turn), from the nearest one down, so that what the member owns stays one stretch. Their records come
// side by side.

const (
	// maxIncoming bounds the moves that come in at once. Beyond it a leaver is refused, and comes again.
	maxIncoming = 64
	// maxTaken is how many moves are remembered as taken over, for messages of them that come late.
	maxTaken = 2 * maxIncoming
	// promiseLimit is for how long room is kept for a leaver that does not begin, in call limits.
	promiseLimit = 8
)

// incomings are the moves to this member, in the order in which they began. No two overlap, or have one source.
type incomings []*incoming

// find is the move with an ID, from a source if one is given.
func (list incomings) find(id string, source chord.Peer) *incoming {
	return list.first(func(m *incoming) bool { return m.id == id && (m.source == source || source == chord.Peer{}) })
}

func (list incomings) from(source chord.Peer) *incoming {
	return list.first(func(m *incoming) bool { return m.source == source })
}

func (list incomings) covering(id chord.ID) *incoming {
	return list.first(func(m *incoming) bool { return m.covers(id) })
}

func (list incomings) overlapping(a arc) *incoming {
	return list.first(func(m *incoming) bool { return m.overlaps(a) })
}

func (list incomings) first(is func(*incoming) bool) *incoming {
	if i := slices.IndexFunc(list, is); i >= 0 {
		return list[i]
	}
	return nil
}

// mayTakeOver judges whether a leaver's move may begin at an owner that takes part in so many others. mu is held.
func (k *Keeper) mayTakeOver(m *incoming, own *ownership, others int) bool {
	if !k.stance().Receives() || others >= maxIncoming || m.to != m.source.ID || m.overlaps(own.arc()) {
		return false
	}
	return k.ins.first(func(other *incoming) bool { return other.source != m.source && other.overlaps(m.arc) }) == nil
}

func (k *Keeper) stance() chord.Stance {
	if k.leaving {
		return chord.Leaves
	}
	return chord.Stays
}

// hasTurn reports whether a move's range follows this member's own. mu is held.
func (k *Keeper) hasTurn(m *incoming) bool {
	own := k.reg.Load()
	if own == nil {
		return m.to == k.self.ID
	}
	return chord.Turn(m.to, own.from)
}

func (k *Keeper) hasTaken(id string) bool { return slices.Contains(k.taken, id) }

// endIn takes a move off the list, and gives back what room was kept for it. mu is held.
func (k *Keeper) endIn(m *incoming) *incoming {
	k.ins = slices.DeleteFunc(k.ins, func(other *incoming) bool { return other == m })
	k.budget.take(-m.room, forKeeps)
	m.room = 0
	return m
}

// startTurns starts a task that asks for the release of the move whose turn it is, if there is one.
func (k *Keeper) startTurns(ctx context.Context) {
	k.mu.Lock()
	next := k.nextTurn()
	k.mu.Unlock()
	if next != nil {
		_ = k.env.Go(ctx, k.takeTurns) // an environment that has ended starts nothing
	}
}

// takeTurns asks the sources of prepared moves for their release, one after the other, as this member's range reaches
// them.
func (k *Keeper) takeTurns(ctx context.Context) {
	for {
		k.mu.Lock()
		m := k.nextTurn()
		if m != nil {
			m.due = true
		}
		k.mu.Unlock()
		if m == nil {
			return
		}
		k.inquire(ctx, m, true)
	}
}

// nextTurn is a prepared move whose turn it is, and whose source does not know. mu is held.
func (k *Keeper) nextTurn() *incoming {
	return k.ins.first(func(m *incoming) bool { return m.prepared && !m.due && k.hasTurn(m) })
}

// dropIncoming gives up all moves to this member but those that their sources may have released: it is about to leave,
// and the sources hand over to the next member that stays. mu is held.
func (k *Keeper) dropIncoming() (news []moveNews) {
	for _, m := range slices.Clone(k.ins) {
		if !m.due {
			news = append(news, k.discardIn(m, errLeaving))
		}
	}
	return news
}

// A promise is room that is kept for a leaver until its move begins.
type promise struct {
	leaver chord.Peer
	bytes  int64
	until  time.Time
}

// promiseRoom keeps room for a leaver's range, beside what is held of it already, and reports whether there is any. mu is
// held.
func (k *Keeper) promiseRoom(leaver chord.Peer, a arc, bytes int64) bool {
	k.breakPromises(leaver)
	need := max(bytes-k.store.Summary(a.from, a.to).Bytes, 0)
	if len(k.promises) == maxIncoming || !k.budget.take(need, forKeeps) {
		return false
	}
	k.promises = append(k.promises, promise{leaver, need, k.env.Now().Add(promiseLimit * k.cfg.CallLimit)})
	return true
}

// keepRoom makes what was promised to a leaver, or what a move needs now, the room of that move. mu is held.
func (k *Keeper) keepRoom(m *incoming, bytes int64) bool {
	k.breakPromises(m.source)
	if bytes <= 0 {
		return true
	}
	need := max(bytes-k.store.Summary(m.from, m.to).Bytes, 0)
	if !k.budget.take(need, forKeeps) {
		return false
	}
	m.room = need
	return true
}

// useRoom gives back room that was kept for a record which is about to be stored. mu is held.
func (k *Keeper) useRoom(m *incoming, r *store.Record) {
	n := min(m.room, r.Size())
	m.room -= n
	k.budget.take(-n, forKeeps)
}

// breakPromises gives back what was promised to a leaver, and what has lapsed. mu is held.
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

// noteRoom notes whether a holder of copies has room for them.
func (k *Keeper) noteRoom(p chord.Peer, room bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if h := k.holder(p); h != nil {
		h.lacks = !room
	}
}
