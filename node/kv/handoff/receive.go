package handoff

import (
	"slices"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/kv/terms"
	"chordconductor/otel/chordevent"
)

// A member can receive ranges from several leavers at once. The ranges are adjacent, below its own.
// Their records arrive concurrently, and so do their releases (chord.Turns). This member takes the
// ranges over in order (chord.Turn), from the nearest one down, so that its own range stays
// contiguous. A source that has released its range waits until this member has taken the range
// over. If that becomes impossible, because the handoff of the range above has failed, the handoff
// is given up: its source owns the range again.

const (
	// MaxIncoming bounds the concurrent incoming handoffs that wait for their turn. Beyond it a leaver is refused, and
	// retries, unless it has the turn: the others wait for it.
	MaxIncoming = 64
	// maxPromises bounds the leavers for which room is reserved: those of sixteen large hosts. Beyond it a leave is refused.
	maxPromises = 16 * MaxIncoming
	// maxTaken bounds the IDs of completed handoffs that are kept for their late messages.
	maxTaken = 2 * MaxIncoming
)

// An Incoming is a handoff to this member. Until the source has released the range, the source is responsible, and this
// member forwards all reads and writes of the range to it.
type Incoming struct {
	terms.Arc
	ID     string
	Source chord.Peer
	Grant  terms.Ownership // what this member owns afterwards
	Reason chordevent.MoveReason

	NeedsRecovery bool
	Witnesses     []chord.Peer // of a range that needs recovery: members that may have records besides its source
	Prepared      bool         // all records have arrived
	Due           bool         // the source may release
	Released      bool         // the source has released, or is dead: this member takes the range over in its turn (Next)
	Doubtful      bool         // the source is dead: others may hold what was written since
	Firm          bool         // the source cannot take back what it has released: it has protocol version 1
	Room          int64        // bytes reserved for records still to come
	Unsure        bool         // more keys are unsettled than can be listed
	LastSeen      time.Time
	Keys, Bytes   int64
}

// Event returns the event of a phase of the handoff.
func (m *Incoming) Event(phase chordevent.MovePhase) chordevent.KeysMoved {
	return chordevent.KeysMoved{
		MoveID: m.ID, Phase: phase, Peer: chordevent.PeerRef{Peer: m.Source}, From: m.From, To: m.To,
		Keys: m.Keys, Bytes: m.Bytes, Reason: m.Reason,
	}
}

// UseRoom returns how much of the reserved room a record of some bytes uses up.
func (m *Incoming) UseRoom(bytes int64) int64 {
	n := min(m.Room, bytes)
	m.Room -= n
	return n
}

// Receiving is the receiver's side: the incoming handoffs, in the order in which they began. No two overlap, or have one
// source.
type Receiving struct {
	self     chord.ID
	list     []*Incoming // several from leavers below, or one; at most MaxIncoming + 1
	taken    []string    // IDs of the latest that made this member responsible; at most maxTaken
	promises []promise   // room reserved for leavers whose handoff has not begun; at most maxPromises
}

// NewReceiving makes the receiver's side of a member.
func NewReceiving(self chord.ID) Receiving { return Receiving{self: self} }

// All returns the incoming handoffs. The caller must not change the list.
func (r *Receiving) All() []*Incoming { return r.list }

// Some reports whether there are incoming handoffs.
func (r *Receiving) Some() bool { return len(r.list) > 0 }

// Has reports whether a handoff is still under way.
func (r *Receiving) Has(m *Incoming) bool { return slices.Contains(r.list, m) }

// Find returns the handoff with an ID, from a source if one is given.
func (r *Receiving) Find(id string, source chord.Peer) *Incoming {
	return r.first(func(m *Incoming) bool { return m.ID == id && (m.Source == source || source == chord.Peer{}) })
}

// From returns the handoff from a source, or nil.
func (r *Receiving) From(source chord.Peer) *Incoming {
	return r.first(func(m *Incoming) bool { return m.Source == source })
}

// Covering returns the handoff whose range covers a point, or nil.
func (r *Receiving) Covering(id chord.ID) *Incoming {
	return r.first(func(m *Incoming) bool { return m.Covers(id) })
}

// Overlapping returns a handoff whose range overlaps an arc, or nil.
func (r *Receiving) Overlapping(a terms.Arc) *Incoming {
	return r.first(func(m *Incoming) bool { return m.Overlaps(a) })
}

func (r *Receiving) first(is func(*Incoming) bool) *Incoming {
	if i := slices.IndexFunc(r.list, is); i >= 0 {
		return r.list[i]
	}
	return nil
}

// MayBegin reports whether a handoff may begin at a member that has no outgoing one. If the
// member's register is empty, the handed-off range must end at this member; otherwise it must end
// where this member's range begins or, if a leaver hands it off, anywhere below that.
func (r *Receiving) MayBegin(m *Incoming, own *terms.Ownership, stance chord.Stance) bool {
	others := len(r.list)
	if before := r.From(m.Source); before != nil {
		if before.Prepared && before.Due {
			return false // a source that begins again has given up the previous handoff, unless that was complete
		}
		others--
	}
	switch {
	case own == nil:
		return others == 0 && m.To == r.self && stance.Receives()
	case m.Reason == chordevent.MoveLeave:
		return r.mayTakeOver(m, own, stance, others)
	}
	return others == 0 && m.To == own.From && m.Source.ID == own.From && m.Grant.Epoch > own.Epoch
}

// mayTakeOver reports whether a leaver's handoff may begin at an owner that takes part in so many others.
func (r *Receiving) mayTakeOver(m *Incoming, own *terms.Ownership, stance chord.Stance, others int) bool {
	if !stance.Receives() || others >= MaxIncoming && !r.HasTurn(m, own) || m.To != m.Source.ID || m.Overlaps(own.Arc()) {
		return false
	}
	return r.first(func(other *Incoming) bool { return other.Source != m.Source && other.Overlaps(m.Arc) }) == nil
}

// Begin adds a handoff.
func (r *Receiving) Begin(m *Incoming) { r.list = append(r.list, m) }

// End removes a handoff, and returns the bytes that are still reserved for it, which the caller gives back.
func (r *Receiving) End(m *Incoming) (room int64) {
	r.list = slices.DeleteFunc(r.list, func(other *Incoming) bool { return other == m })
	room, m.Room = m.Room, 0
	return room
}

// HasTurn reports whether a handoff's range is adjacent to this member's own.
func (r *Receiving) HasTurn(m *Incoming, own *terms.Ownership) bool {
	if own == nil {
		return m.To == r.self
	}
	return chord.Turn(m.To, own.From)
}

// Turns lists the handoffs that may be released, in order.
func (r *Receiving) Turns(own *terms.Ownership) (list []*Incoming) {
	from := r.self
	if own != nil {
		from = own.From
	}
	var ready []*Incoming
	var complete []chord.Range
	for _, m := range r.list {
		if m.Prepared {
			ready, complete = append(ready, m), append(complete, chord.Range{From: m.From, To: m.To})
		}
	}
	for _, i := range chord.Turns(from, complete) {
		list = append(list, ready[i])
	}
	return list
}

// MayRelease reports whether a handoff is among the turns.
func (r *Receiving) MayRelease(m *Incoming, own *terms.Ownership) bool {
	return slices.Contains(r.Turns(own), m)
}

// Prepare notes that all records of a handoff have arrived, and reports whether its source has to wait for its turn.
func (r *Receiving) Prepare(m *Incoming, own *terms.Ownership) (waits bool) {
	m.Prepared = true
	m.Due = m.Due || r.MayRelease(m, own)
	return !m.Due
}

// BecomeDue returns the handoffs whose release is due now and has not been requested; the caller
// must request it.
func (r *Receiving) BecomeDue(own *terms.Ownership) (list []*Incoming) {
	for _, m := range r.Turns(own) {
		if !m.Due {
			m.Due = true
			list = append(list, m)
		}
	}
	return list
}

// Next returns a handoff that has been released and whose turn it is, or nil.
func (r *Receiving) Next(own *terms.Ownership) *Incoming {
	return r.first(func(m *Incoming) bool { return m.Released && m.Prepared && r.HasTurn(m, own) })
}

// Take returns what this member owns once it has taken over the range of a prepared handoff, which
// ends. It returns nil if the range no longer fits.
func (r *Receiving) Take(m *Incoming, own *terms.Ownership) *terms.Ownership {
	next := m.Grant
	if own != nil {
		if own.From != m.To {
			return nil // the owner of the range above has changed meanwhile
		}
		next.Epoch = max(next.Epoch, own.Epoch+1)
	}
	if len(r.taken) == maxTaken {
		r.taken = slices.Delete(r.taken, 0, 1)
	}
	r.taken = append(r.taken, m.ID)
	return &next
}

// HasTaken reports whether a handoff has made this member responsible.
func (r *Receiving) HasTaken(id string) bool { return slices.Contains(r.taken, id) }

// Unreleased lists the handoffs that a member gives up when it is about to leave, because their
// sources will hand off to the next member that stays. It does not list handoffs that their sources
// may have released, except those of leavers that would take the range back.
func (r *Receiving) Unreleased() (list []*Incoming) {
	for _, m := range r.list {
		if !m.Due || m.Reason == chordevent.MoveLeave && !m.Firm {
			list = append(list, m)
		}
	}
	return list
}

// Silent lists the handoffs whose sources have not been seen for some time, or are dead.
func (r *Receiving) Silent(dead terms.Lapsed, now time.Time, limit time.Duration) (list []*Incoming) {
	for _, m := range r.list {
		if now.Sub(m.LastSeen) >= limit || dead.Has(m.Source, now) {
			list = append(list, m)
		}
	}
	return list
}

// Unsure notes that more keys are unsettled than can be listed.
func (r *Receiving) Unsure() {
	for _, m := range r.list {
		m.Unsure = true
	}
}

// A promise is memory that is reserved for a leaver until its handoff begins.
type promise struct {
	leaver chord.Peer
	bytes  int64
	until  time.Time
}

// Promise notes that bytes have been reserved for a leaver until a time.
func (r *Receiving) Promise(leaver chord.Peer, bytes int64, until time.Time) {
	r.promises = append(r.promises, promise{leaver, bytes, until})
}

// MayPromise reports whether there is a place for another promise.
func (r *Receiving) MayPromise() bool { return len(r.promises) < maxPromises }

// Break drops what was promised to a leaver, and what has lapsed, and returns the bytes to give back.
func (r *Receiving) Break(leaver chord.Peer, now time.Time) (bytes int64) {
	r.promises = slices.DeleteFunc(r.promises, func(p promise) bool {
		if p.leaver != leaver && p.until.After(now) {
			return false
		}
		bytes += p.bytes
		return true
	})
	return bytes
}
