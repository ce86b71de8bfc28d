package judge

import (
	"slices"
	"sync"
	"time"

	"chordconductor/conductor/lab/result"
	"chordconductor/node/chord"
	"chordconductor/node/wire"
	"chordconductor/otel/chordevent"
)

const (
	// JudgeAfter is how long an answer waits for the events about its time before it is judged.
	JudgeAfter = 3 * time.Second
	// maxPending bounds the answers that wait to be judged; beyond it the oldest is judged early.
	maxPending = 1 << 17
	// maxDoubted bounds the answers that look wrong by the events received so far and may turn out right. Beyond it the
	// oldest is dropped without a verdict.
	maxDoubted = 1 << 14
	// keptRanges bounds the ranges kept of one member; beyond it the oldest is dropped.
	keptRanges = 64
	// maxWatched bounds the members kept; beyond it a member that has ended is dropped for each new one.
	maxWatched = 20_000
	// slack is how far an event's timestamp may be from the change that the event reports, on one machine or between
	// clocks.
	slack = 50 * time.Millisecond
)

// A Watch follows the events that reach the ring view, and keeps what a Result needs: which member was responsible for
// which range at which time, so that answers to lookups can be judged, and which ranges moved. It is one of the
// recorders of the conductor's view: it receives the fold's events, and does not influence the fold.
type Watch struct {
	mu      sync.Mutex
	members map[chord.ID]*watched
	moves   result.Moves
	pending []answered // a queue: oldest first
	doubted []answered // another queue: answers that look wrong by the events received, while some events are missing
	verdict result.LookupVerdict
	spent   map[work]*result.OperationTime // at most maxWork
	ends    ends

	bounds                  bounds
	memberBytes, spentBytes int64
}

// watched is one member's ownership over time.
type watched struct {
	ranges []held     // by their beginning
	runs   []eventRun // by theirs
	ended  bool
}

// held is a range that a member was responsible for, from its time until the beginning of the next entry.
type held struct {
	since       time.Time
	incarnation int64
	seq         int64
	owns        bool
	from        chord.ID
}

// answered is a lookup that waits to be judged.
type answered struct {
	key, owner chord.ID
	from, to   time.Time
}

// NewWatch returns a Watch that has received nothing.
func NewWatch() *Watch {
	return &Watch{members: make(map[chord.ID]*watched), spent: make(map[work]*result.OperationTime), bounds: boundsOf(nil)}
}

// Append records an event.
func (w *Watch) Append(ev *chordevent.Event, _ time.Time) {
	if ev.Body.Kind() == chordevent.KindHostState {
		return // the event is of a host, not of a member
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.weigh()
	w.ends.append(ev, &w.bounds)
	m, owned := w.member(ev.Node.ID), false
	before := m.size()
	switch body := ev.Body.(type) {
	case chordevent.OwnershipChanged:
		m.owns(ev, body.Ownership)
		owned = true
	case chordevent.State:
		m.owns(ev, body.Ownership)
		owned = true
	case chordevent.Left:
		m.owns(ev, chordevent.Ownership{})
		m.ended, owned = true, true
	case chordevent.PeerFailed:
		if peer := w.members[body.Peer.ID]; peer != nil && len(peer.ranges) > 0 && peer.ranges[len(peer.ranges)-1].incarnation <= body.Peer.Incarnation {
			peer.ended = true
		}
	case chordevent.KeysMoved:
		w.moved(body)
	}
	m.add(ev, owned)
	w.grown(m.size() - before)
}

// Advance does nothing. A recorder must have it, but the passage of time changes nothing in a Watch.
func (w *Watch) Advance(time.Time) {}

func (w *Watch) member(id chord.ID) *watched {
	m := w.members[id]
	if m == nil {
		if len(w.members) >= maxWatched {
			w.forgetOne()
		}
		m = &watched{}
		w.members[id] = m
		w.memberBytes += m.size()
	}
	return m
}

// owns inserts what a member reported about its range at the time of an event. Events may come late or twice.
func (m *watched) owns(ev *chordevent.Event, o chordevent.Ownership) {
	h := held{ev.Time, ev.Node.Incarnation, ev.Node.Seq, o.Owns, o.From}
	at := len(m.ranges)
	for at > 0 && m.ranges[at-1].after(h) {
		at--
	}
	if at > 0 {
		prev := m.ranges[at-1]
		if prev.incarnation == h.incarnation && prev.seq == h.seq {
			return // received twice
		}
		if at == len(m.ranges) && prev.incarnation == h.incarnation && prev.owns == h.owns && prev.from == h.from &&
			m.unbroken(h.incarnation, prev.seq, h.seq) {
			return // a keyframe that repeats what is known: no other event can still come from between the two
		}
	}
	m.ended = m.ended && at < len(m.ranges)
	m.ranges = append(m.ranges, held{})
	copy(m.ranges[at+1:], m.ranges[at:])
	m.ranges[at] = h
	if len(m.ranges) > keptRanges {
		m.ranges = m.ranges[1:]
	}
}

func (h held) after(o held) bool {
	if h.incarnation != o.incarnation {
		return h.incarnation > o.incarnation
	}
	return h.seq > o.seq
}

// forgetOne removes a member that has ended. If there is none among the first few, it removes another one.
func (w *Watch) forgetOne() {
	var one chord.ID
	looked := 0
	for id, m := range w.members {
		if one = id; m.ended || looked == 64 {
			break
		}
		looked++
	}
	w.memberBytes -= w.members[one].size()
	delete(w.members, one)
}

// moved counts a move once, when its source reports it.
func (w *Watch) moved(k chordevent.KeysMoved) {
	if !k.Outgoing || k.Phase == chordevent.MoveStarted {
		return
	}
	sum := &w.moves.Repair
	switch k.Reason {
	case chordevent.MoveJoin:
		sum = &w.moves.Join
	case chordevent.MoveLeave:
		sum = &w.moves.Leave
	}
	if k.Phase == chordevent.MoveFailed {
		sum.Failed++
		return
	}
	sum.Moves++
	sum.Keys += k.Keys
	sum.Bytes += k.Bytes
}

// Answered queues a lookup's answer for judgement.
func (w *Watch) Answered(found *wire.Lookup, from, to time.Time) {
	a := answered{key: found.Key, owner: found.Owner.ID, from: from, to: to}
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.weigh()
	if len(w.pending) >= w.bounds.answers {
		w.doubt(w.pending[0])
		w.pending = w.pending[1:]
	}
	w.pending = append(w.pending, a)
}

// Judge judges the answers that are old enough at an instant. An answer that looks wrong waits until all of its owner's
// events of that time have been received: if a member's telemetry is held back, the newest known range may be an old
// one.
func (w *Watch) Judge(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.weigh()
	w.doubted = slices.DeleteFunc(w.doubted, w.judge)
	n := 0
	for n < len(w.pending) && now.Sub(w.pending[n].to) >= JudgeAfter {
		w.doubt(w.pending[n])
		n++
	}
	w.pending = append(w.pending[:0], w.pending[n:]...)
}

// doubt judges an answer, or queues it with those that look wrong.
func (w *Watch) doubt(a answered) {
	if w.judge(a) {
		return
	}
	if len(w.doubted) >= w.bounds.doubted {
		w.doubted = w.doubted[1:]
		w.verdict.Unjudged++
	}
	w.doubted = append(w.doubted, a)
}

// judge decides whether the answering member was responsible for the key at any instant of the lookup. It reports
// whether that is known.
func (w *Watch) judge(a answered) bool {
	m := w.members[a.owner]
	if m == nil || len(m.ranges) == 0 || m.ranges[0].since.After(a.to.Add(slack)) {
		w.verdict.Unjudged++
		return true
	}
	for i, h := range m.ranges {
		if h.since.After(a.to.Add(slack)) {
			break
		}
		over := i+1 < len(m.ranges) && m.ranges[i+1].since.Add(slack).Before(a.from)
		if !over && h.owns && chord.Owns(h.from, a.key, a.owner) {
			w.verdict.Judged++
			return true
		}
	}
	if !slices.ContainsFunc(m.runs, func(s eventRun) bool { return s.knows(a.from, a.to) }) {
		return false
	}
	w.verdict.Judged++
	w.verdict.Wrong++
	return true
}

// Lookups returns the verdict so far.
func (w *Watch) Lookups() result.LookupVerdict {
	w.mu.Lock()
	defer w.mu.Unlock()
	v := w.verdict
	v.Unjudged += uint64(len(w.doubted))
	return v
}

// Moves returns the moves so far.
func (w *Watch) Moves() result.Moves {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.moves
}

// Reset begins a new measurement. The ranges known remain valid.
func (w *Watch) Reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.moves, w.verdict, w.pending, w.doubted = result.Moves{}, result.LookupVerdict{}, nil, nil
	clear(w.spent)
	w.ends.moves, w.ends.moveBytes, w.spentBytes = nil, 0, 0
	w.weigh()
}
