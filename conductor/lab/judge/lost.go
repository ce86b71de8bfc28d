package judge

import (
	"slices"
	"time"

	"go.opentelemetry.io/otel/trace"

	"chordconductor/conductor/lab/load"
	"chordconductor/conductor/lab/result"
	"chordconductor/conductor/ring"
	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

const (
	// maxEnds bounds the ends of members that are kept. Beyond it the oldest is dropped; how that member ended is then
	// known from the view only.
	maxEnds = 20_000
	// keptMoves bounds the finished moves of keys that are kept; beyond it the oldest is dropped.
	keptMoves = 4096
	// maxLostMoves is how many moves of a lost key's range a Result has: the newest.
	maxLostMoves = 10
)

// A move is a finished move of a range.
type move struct {
	result.KeyMove
	after, upTo chord.ID // the range
}

// An incarnation is the key of one incarnation of a member.
type incarnation struct {
	id     chord.ID
	number int64
}

// An end describes how an incarnation ended, by the first report.
type end struct {
	fate  result.Fate
	at    time.Time
	by    chord.ID
	trace trace.TraceID
}

// ends records how members ended, and which ranges moved.
type ends struct {
	byMember  map[incarnation]end
	order     []incarnation // oldest first
	moves     []move        // in the order in which they were received
	moveBytes int64
}

func (e *ends) append(ev *chordevent.Event, b *bounds) {
	switch body := ev.Body.(type) {
	case chordevent.Left:
		e.note(incarnation{ev.Node.ID, ev.Node.Incarnation}, end{result.FateLeft, ev.Time, ev.Node.ID, ev.Trace}, b)
	case chordevent.PeerFailed:
		e.note(incarnation{body.Peer.ID, body.Peer.Incarnation}, end{result.FateCrashed, ev.Time, ev.Node.ID, ev.Trace}, b)
	case chordevent.KeysMoved:
		if !body.Outgoing || body.Phase == chordevent.MoveStarted {
			return
		}
		m := move{result.KeyMove{
			At: ev.Time, From: ev.Node.ID, To: body.Peer, Reason: body.Reason, Failed: body.Phase == chordevent.MoveFailed, Trace: ev.Trace,
		}, body.From, body.To}
		if len(e.moves) > 0 && (len(e.moves) == keptMoves || b.exceeds(e.moveBytes+m.size(), b.moves)) {
			e.forgetMoves(max(len(e.moves)/4, 1))
		}
		e.moves = append(e.moves, m)
		e.moveBytes += m.size()
	}
}

// forgetMoves drops the oldest moves.
func (e *ends) forgetMoves(n int) {
	for i := range e.moves[:n] {
		e.moveBytes -= e.moves[i].size()
	}
	e.moves = slices.Delete(e.moves, 0, n)
}

// note keeps the earliest report of a crash. A member's own report that it has left replaces reports by others.
func (e *ends) note(of incarnation, how end, b *bounds) {
	before, known := e.byMember[of]
	switch {
	case !known && len(e.order) == b.ended:
		delete(e.byMember, e.order[0])
		e.order = e.order[1:]
		fallthrough
	case !known:
		if e.byMember == nil {
			e.byMember = make(map[incarnation]end)
		}
		e.order = append(e.order, of)
	case before.fate == result.FateLeft, how.fate == before.fate && !how.at.Before(before.at):
		return
	}
	e.byMember[of] = how
}

// fateOf returns what happened to a replica's host, according to the events and the view at the end.
func (e *ends) fateOf(p chord.Peer, v *ring.View) result.HolderFate {
	f := result.HolderFate{Peer: p, Fate: result.FateUnknown}
	i := slices.IndexFunc(v.Members, func(m *ring.Member) bool { return m.ID == p.ID })
	if i >= 0 && v.Members[i].Incarnation == p.Incarnation {
		switch v.Members[i].Status {
		case ring.Left:
			f.Fate = result.FateLeft
		case ring.Failed:
			f.Fate = result.FateCrashed
		default: // reports of its death by peers have been refuted
			f.Fate = result.FateOnRing
			return f
		}
	}
	if end, known := e.byMember[incarnation{p.ID, p.Incarnation}]; known {
		f.Fate, f.At, f.Trace = end.fate, end.at, end.trace
		if end.fate == result.FateCrashed {
			f.By = end.by
		}
	} else if i >= 0 && v.Members[i].Incarnation > p.Incarnation {
		f.Fate = result.FateAgain
	}
	return f
}

// movesOf returns the newest moves of a key's range since an instant.
func (e *ends) movesOf(key chord.ID, since time.Time) (list []result.KeyMove) {
	for _, m := range e.moves {
		if chord.Owns(m.after, key, m.upTo) && m.At.After(since.Add(-slack)) {
			list = append(list, m.KeyMove)
		}
	}
	slices.SortStableFunc(list, func(a, b result.KeyMove) int { return a.At.Compare(b.At) })
	return list[max(0, len(list)-maxLostMoves):]
}

// Lost returns what happened to the replicas of lost keys, according to the events and the view.
func (w *Watch) Lost(keys []load.LostKey, v *ring.View) (list []result.LostKey) {
	w.mu.Lock()
	defer w.mu.Unlock()
	space, err := chord.NewSpace(v.Bits)
	for _, k := range keys {
		lost := result.LostKey{LostKey: k}
		for _, p := range k.Holders {
			lost.Holders = append(lost.Holders, w.ends.fateOf(p, v))
		}
		if err == nil {
			lost.Moves = w.ends.movesOf(space.Hash([]byte(k.Key)), k.Written)
		}
		list = append(list, lost)
	}
	return list
}
