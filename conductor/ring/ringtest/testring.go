package ringtest

import (
	"fmt"
	"time"

	"pgregory.net/rapid"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// Start is the time at which every TestRing begins.
var Start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// A TestRing is a few members whose pointers a test sets. It emits each change as the members would, and its State is
// the ground truth that the fold must find.
type TestRing struct {
	Space   chord.Space
	ListLen int
	Now     time.Time
	Tick    time.Duration // from one event to the next
	Members []*Actor
	Emitted func(*chordevent.Event)
}

// An Actor is a member.
type Actor struct {
	Self    chord.Peer
	Seq     int64
	Live    bool
	State   chord.State
	Owned   chordevent.Ownership
	Fingers []chordevent.FingerRun
	Load    chordevent.Load
}

// NewTestRing returns a TestRing without members, with 2^bits identifiers and lists of the given length. It passes
// events to emit as they occur.
func NewTestRing(bits, listLen int, emit func(*chordevent.Event)) *TestRing {
	space, err := chord.NewSpace(bits)
	if err != nil {
		panic(err)
	}
	return &TestRing{Space: space, ListLen: listLen, Now: Start, Tick: time.Millisecond, Emitted: emit}
}

// Event makes a member's next event.
func (w *TestRing) Event(a *Actor, body chordevent.Body) *chordevent.Event {
	w.Now = w.Now.Add(w.Tick)
	a.Seq++
	return &chordevent.Event{
		Time: w.Now, Ring: "test", Instance: "process", Host: chordevent.Host{ID: a.Self.Addr, Address: a.Self.Addr},
		Node: chordevent.Node{ID: a.Self.ID, Digits: w.Space.Digits(), Incarnation: a.Self.Incarnation, Seq: a.Seq},
		Body: body,
	}
}

// Emit makes a member's next event and emits it.
func (w *TestRing) Emit(a *Actor, body chordevent.Body) { w.Emitted(w.Event(a, body)) }

// Started returns what a member reports of itself at its start.
func (w *TestRing) Started(a *Actor) chordevent.Started {
	return chordevent.Started{Address: a.Self.Addr, Bits: w.Space.Bits(), ListLen: w.ListLen, Replicas: 3}
}

// Birth starts a member with the given identifier, in a new incarnation if it existed before.
func (w *TestRing) Birth(id uint64) *Actor {
	peer := chord.Peer{ID: w.Space.FromUint64(id), Addr: fmt.Sprintf("host-%d:1", id), Incarnation: int64(len(w.Members) + 1)}
	a := &Actor{Self: peer, Live: true, State: chord.New(w.Space, peer, w.ListLen)}
	w.Members = append(w.Members, a)
	w.Emit(a, w.Started(a))
	w.Emit(a, chordevent.SuccessorsChanged{Successors: Refs(a.State.Succ)})
	w.Emit(a, chordevent.Joined{})
	return a
}

// SetSucc gives a member a successor list.
func (w *TestRing) SetSucc(a *Actor, list []chord.Peer) {
	a.State.Succ = list
	w.Emit(a, chordevent.SuccessorsChanged{Successors: Refs(list)})
}

// SetPred gives a member a predecessor.
func (w *TestRing) SetPred(a *Actor, p chord.Peer) {
	a.State.Pred = p
	w.Emit(a, chordevent.PredecessorChanged{Predecessor: chordevent.PeerRef{Peer: p}})
}

// Crash ends a member, and has another one report the crash.
func (w *TestRing) Crash(a, reporter *Actor) {
	a.Live = false
	w.Emit(reporter, chordevent.PeerFailed{Peer: chordevent.PeerRef{Peer: a.Self, Seq: a.Seq}, Operation: "chord.stabilize"})
}

// Keyframe emits a member's whole state.
func (w *TestRing) Keyframe(a *Actor) {
	w.Emit(a, chordevent.State{
		Started: w.Started(a), Status: chordevent.StatusActive, Period: 10 * time.Second,
		Successors: Refs(a.State.Succ), Predecessor: chordevent.PeerRef{Peer: a.State.Pred}, Ownership: a.Owned, Fingers: a.Fingers, Load: a.Load,
	})
}

// Alive lists the members that have not ended.
func (w *TestRing) Alive() []*Actor {
	var out []*Actor
	for _, a := range w.Members {
		if a.Live {
			out = append(out, a)
		}
	}
	return out
}

// Find returns the live member with an identifier, or nil.
func (w *TestRing) Find(id uint64) *Actor {
	for _, a := range w.Alive() {
		if a.Self.ID == w.Space.FromUint64(id) {
			return a
		}
	}
	return nil
}

// State returns the states of all live members: the ground truth.
func (w *TestRing) State() *chord.Global {
	var states []chord.State
	for _, a := range w.Alive() {
		states = append(states, a.State)
	}
	return chord.Observe(states)
}

// Right gives a member the right pointers.
func (w *TestRing) Right(a *Actor) {
	g := w.State()
	n := len(g.States)
	i := g.Rank(a.Self)
	var pred chord.Peer
	if n > 1 {
		pred = g.States[(i-1+n)%n].Self
	}
	list := make([]chord.Peer, w.ListLen)
	last := a.Self.ID
	for k := range list {
		if list[k] = g.States[(i+1+k)%n].Self; k+1 >= n {
			list[k] = chord.Peer{ID: w.Space.Next(last)}
		}
		last = list[k].ID
	}
	w.SetPred(a, pred)
	w.SetSucc(a, list)
}

// Refs returns references to peers.
func Refs(peers []chord.Peer) []chordevent.PeerRef {
	out := make([]chordevent.PeerRef, len(peers))
	for i, p := range peers {
		out[i].Peer = p
	}
	return out
}

// DrawList draws any list that a member could have: real peers in any order, dead ones, placeholders at the end.
func (w *TestRing) DrawList(t *rapid.T) []chord.Peer {
	n := rapid.IntRange(0, w.ListLen).Draw(t, "real")
	list := make([]chord.Peer, w.ListLen)
	for k := range list {
		if k < n {
			list[k] = w.DrawPeer(t)
		} else {
			list[k] = chord.Peer{ID: w.Space.FromUint64(uint64(k))}
		}
	}
	return list
}

// DrawPeer draws any member, dead or alive.
func (w *TestRing) DrawPeer(t *rapid.T) chord.Peer {
	return rapid.SampledFrom(w.Members).Draw(t, "peer").Self
}

// Step makes one random change.
func (w *TestRing) Step(t *rapid.T) {
	alive := w.Alive()
	if len(alive) == 0 {
		w.Birth(rapid.Uint64Range(0, 15).Draw(t, "id"))
		return
	}
	a := rapid.SampledFrom(alive).Draw(t, "member")
	switch rapid.IntRange(0, 9).Draw(t, "what") {
	case 0, 1:
		if id := rapid.Uint64Range(0, 15).Draw(t, "id"); w.Find(id) == nil {
			w.Birth(id)
		}
	case 2:
		if b := rapid.SampledFrom(alive).Draw(t, "dead"); b != a {
			w.Crash(b, a)
		}
	case 3:
		w.SetPred(a, chord.Peer{})
	case 4:
		w.SetPred(a, w.DrawPeer(t))
	case 5:
		w.SetSucc(a, w.DrawList(t))
	case 6:
		w.Keyframe(a)
	case 7:
		w.Chatter(t, a)
	default:
		w.Right(a)
	}
}

// Chatter emits an event that does not concern the ring error.
func (w *TestRing) Chatter(t *rapid.T, a *Actor) {
	switch rapid.IntRange(0, 3).Draw(t, "chatter") {
	case 0:
		a.Owned = chordevent.Ownership{Owns: true, From: w.DrawPeer(t).ID, Epoch: a.Owned.Epoch + 1}
		w.Emit(a, chordevent.OwnershipChanged{Ownership: a.Owned})
	case 1:
		a.Load.Gets++
		a.Load.OwnedKeys = rapid.Int64Range(0, 2).Draw(t, "keys")
		a.Load.KnownHosts = rapid.Int64Range(0, 4).Draw(t, "known hosts")
		a.Load.FullReplicas = rapid.Int64Range(0, 3).Draw(t, "full replicas")
		w.Emit(a, chordevent.NodeLoad{Load: a.Load})
	case 2:
		first := rapid.IntRange(0, w.Space.Bits()-1).Draw(t, "first slot")
		last := rapid.IntRange(first, w.Space.Bits()-1).Draw(t, "last slot")
		run := chordevent.FingerRun{First: first, Last: last, Peer: chordevent.PeerRef{Peer: w.DrawPeer(t)}}
		a.Fingers = setSlots(a.Fingers, run, w.Space.Bits())
		w.Emit(a, chordevent.FingersChanged{Runs: []chordevent.FingerRun{run}})
	case 3:
		w.Emit(a, chordevent.KeysMoved{
			MoveID: fmt.Sprint(rapid.IntRange(0, 5).Draw(t, "move")), Phase: chordevent.MoveDone, Reason: chordevent.MoveJoin,
			Outgoing: rapid.Bool().Draw(t, "outgoing"), Peer: chordevent.PeerRef{Peer: w.DrawPeer(t)}, Keys: a.Seq,
		})
	}
}

// setSlots sets slots one by one: the plain way to do what a fingerTable does.
func setSlots(runs []chordevent.FingerRun, run chordevent.FingerRun, bits int) []chordevent.FingerRun {
	slots := make([]chordevent.PeerRef, bits)
	for _, old := range append(runs, run) {
		for k := old.First; k <= old.Last; k++ {
			slots[k] = old.Peer
		}
	}
	var out []chordevent.FingerRun
	for k, p := range slots {
		if n := len(out); n > 0 && out[n-1].Peer == p && out[n-1].Last == k-1 {
			out[n-1].Last = k
		} else if p != (chordevent.PeerRef{}) {
			out = append(out, chordevent.FingerRun{First: k, Last: k, Peer: p})
		}
	}
	return out
}

// RepairAll gives every live member the right pointers.
func (w *TestRing) RepairAll() {
	for _, a := range w.Alive() {
		w.Right(a)
	}
}

// Report returns a report of a death, without emitting it.
func (w *TestRing) Report(by, of *Actor, seq int64) *chordevent.Event {
	return w.Event(by, chordevent.PeerFailed{Peer: chordevent.PeerRef{Peer: of.Self, Seq: seq}, Operation: "chord.stabilize"})
}

// Own makes a member own the range from an identifier to its own identifier.
func (w *TestRing) Own(a *Actor, from chord.ID) {
	a.Owned = chordevent.Ownership{Owns: true, From: from, Epoch: a.Owned.Epoch + 1}
	w.Emit(a, chordevent.OwnershipChanged{Ownership: a.Owned})
}

// OwnAll makes every live member own the range from its predecessor to itself.
func (w *TestRing) OwnAll() {
	for _, a := range w.Alive() {
		w.Own(a, a.State.Pred.ID)
	}
}
