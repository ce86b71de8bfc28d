package member

import (
	"context"
	"slices"

	"chordconductor/node/chord"
	"chordconductor/node/nodepb"
	"chordconductor/node/wire"
	"chordconductor/otel/chordevent"
)

// phase is the phase of a member's incarnation.
type phase uint8

const (
	looking phase = iota // it looks for its place, and answers NOT_MEMBER, which counts as dead
	asking               // it asks its future predecessor for the successor list, and answers BUSY
	active
	gone // it has left or crashed
)

// snapshot is a member's ring state: an immutable value. Readers use the latest one and never wait.
type snapshot struct {
	chord.State
	hosts   []chord.Peer // the host list: see chord.Hosts
	fingers chord.Fingers
	routes  chord.Routes // next hops of lookups, by the pointers and the fingers
	phase   phase
	alone   bool // no known peer answers (see Alone)
	leaving bool
	mayEnd  bool // a leaver may end with its keys, if no member stays to take them over
	bound   bool // a leaver that has answered a last call must leave

	departure *departure // that a leaver belongs to
	recalled  bool       // a leaver that was asked in a last call while it departed: if it cannot, it stays

	// The pointers in the wire form of Neighbors' answer, made once for each change.
	pred        *nodepb.Peer
	succ        []*nodepb.Peer
	past        []*nodepb.Peer // of the host list: see chord.HostsPast
	fingersWire []*nodepb.Peer // by run
}

// wireOfFinger returns the peer of the finger run that begins with the given slot.
func (s *snapshot) wireOfFinger(first int) *nodepb.Peer {
	for i, r := range s.fingers.Runs() {
		if r.First == first {
			return s.fingersWire[i]
		}
	}
	return nil
}

func (s *snapshot) status() chordevent.Status {
	switch {
	case s.phase == gone:
		return chordevent.StatusLeft
	case s.phase != active:
		return chordevent.StatusJoining
	case s.leaving:
		return chordevent.StatusLeaving
	}
	return chordevent.StatusActive
}

// edit publishes a changed copy of the snapshot.
func (m *Member) edit(change func(*snapshot)) {
	m.mu.Lock()
	next := *m.now.Load()
	if next.phase != gone {
		change(&next)
		m.now.Store(&next)
	}
	m.mu.Unlock()
	m.host.updateReadiness()
}

// cause returns the context of the operation that changes something. It must be called only if
// something changes, since the call makes a maintenance round a trace.
type cause func() context.Context

func because(ctx context.Context) cause { return func() context.Context { return ctx } }

// apply runs one transition of the ring pointers, emits the changes, and reports whether there were
// any. A transition is one step: readers see the state before or after it. apply also ends the time
// in which the member answers BUSY.
func (m *Member) apply(why cause, transition func(chord.State) chord.State) bool {
	m.mu.Lock()
	changed := m.applyLocked(why, transition)
	m.busy.Store(false)
	m.mu.Unlock()
	if changed {
		m.moved.Set()
		m.keys.NeighborsChanged(why())
		m.hasten()
	}
	return changed
}

func (m *Member) applyLocked(why cause, transition func(chord.State) chord.State) bool {
	old := m.now.Load()
	state := transition(old.State)
	predecessor, successors := state.Pred != old.Pred, !slices.Equal(state.Succ, old.Succ)
	if old.phase != active || !predecessor && !successors {
		return false
	}
	m.checkPointers(state)
	next := *old
	next.State, next.alone = state, false
	if predecessor {
		next.pred = wire.Ref(state.Pred, 0)
	}
	if successors {
		next.succ = wire.Peers(state.Succ)
		next.routes = chord.NewRoutes(next.State, next.fingers)
		m.relistHosts(&next)
	}
	m.now.Store(&next)
	if predecessor {
		m.Emit(why(), chordevent.PredecessorChanged{Predecessor: m.ref(state.Pred)})
	}
	if successors {
		m.Emit(why(), chordevent.SuccessorsChanged{Successors: m.refs(state.Succ)})
	}
	return true
}

// enter makes the member active with its first pointers in this ring.
func (m *Member) enter(ctx context.Context, state chord.State, through chord.Peer) {
	m.mu.Lock()
	next := *m.now.Load()
	if next.phase == gone {
		m.mu.Unlock()
		return
	}
	m.checkPointers(state)
	next.State, next.phase, next.alone = state, active, false
	next.pred, next.succ = wire.Ref(state.Pred, 0), wire.Peers(state.Succ)
	next.routes = chord.NewRoutes(state, next.fingers)
	next.hosts = nil // the hosts of an earlier place on the ring
	m.relistHosts(&next)
	m.now.Store(&next)
	m.Emit(ctx, chordevent.Joined{Through: m.ref(through)})
	m.Emit(ctx, chordevent.PredecessorChanged{Predecessor: m.ref(state.Pred)})
	m.Emit(ctx, chordevent.SuccessorsChanged{Successors: m.refs(state.Succ)})
	m.mu.Unlock()
	m.host.updateReadiness()
	m.hasten()
	if joined := m.host.cfg.Joined; joined != nil {
		joined(m.self)
	}
}

// setFingers changes the finger table and emits the runs that changed.
func (m *Member) setFingers(why cause, change func(chord.Fingers) (chord.Fingers, []chord.Run)) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	next := *m.now.Load()
	fingers, runs := change(next.fingers)
	if next.phase == gone || len(runs) == 0 {
		return false
	}
	next.fingers, next.routes = fingers, chord.NewRoutes(next.State, fingers)
	next.fingersWire = make([]*nodepb.Peer, len(fingers.Runs()))
	for i, r := range fingers.Runs() {
		next.fingersWire[i] = wire.Ref(r.Peer, 0)
	}
	m.now.Store(&next)
	m.Emit(why(), chordevent.FingersChanged{Runs: m.runs(runs)})
	return true
}
