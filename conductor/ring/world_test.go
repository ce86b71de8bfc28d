package ring

import (
	"fmt"
	"time"

	"pgregory.net/rapid"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// A world is a few members whose pointers are set at will. It tells of each change as the members would, and knows the
// truth that the fold must find.
type world struct {
	space   chord.Space
	listLen int
	now     time.Time
	members []*actor
	tell    func(*chordevent.Event)
}

type actor struct {
	self    chord.Peer
	seq     int64
	live    bool
	state   chord.State
	owned   chordevent.Ownership
	fingers []chordevent.FingerRun
	load    chordevent.Load
}

func newWorld(bits, listLen int, tell func(*chordevent.Event)) *world {
	space, err := chord.NewSpace(bits)
	if err != nil {
		panic(err)
	}
	return &world{space: space, listLen: listLen, now: start, tell: tell}
}

func (w *world) event(a *actor, body chordevent.Body) *chordevent.Event {
	w.now = w.now.Add(time.Millisecond)
	a.seq++
	return &chordevent.Event{
		Time: w.now, Ring: "test", Instance: "process", Host: chordevent.Host{ID: a.self.Addr, Address: a.self.Addr},
		Node: chordevent.Node{ID: a.self.ID, Digits: w.space.Digits(), Incarnation: a.self.Incarnation, Seq: a.seq},
		Body: body,
	}
}

func (w *world) say(a *actor, body chordevent.Body) { w.tell(w.event(a, body)) }

func (w *world) started(a *actor) chordevent.Started {
	return chordevent.Started{Address: a.self.Addr, Bits: w.space.Bits(), ListLen: w.listLen, Replicas: 3}
}

// birth starts a member with the given identifier, in a new life if it was there before.
func (w *world) birth(id uint64) *actor {
	peer := chord.Peer{ID: w.space.FromUint64(id), Addr: fmt.Sprintf("host-%d:1", id), Incarnation: int64(len(w.members) + 1)}
	a := &actor{self: peer, live: true, state: chord.New(w.space, peer, w.listLen)}
	w.members = append(w.members, a)
	w.say(a, w.started(a))
	w.say(a, chordevent.SuccessorsChanged{Successors: refs(a.state.Succ)})
	w.say(a, chordevent.Joined{})
	return a
}

func (w *world) setSucc(a *actor, list []chord.Peer) {
	a.state.Succ = list
	w.say(a, chordevent.SuccessorsChanged{Successors: refs(list)})
}

func (w *world) setPred(a *actor, p chord.Peer) {
	a.state.Pred = p
	w.say(a, chordevent.PredecessorChanged{Predecessor: chordevent.PeerRef{Peer: p}})
}

// crash ends a member, and lets another report it.
func (w *world) crash(a, reporter *actor) {
	a.live = false
	w.say(reporter, chordevent.PeerFailed{Peer: chordevent.PeerRef{Peer: a.self, Seq: a.seq}, Operation: "chord.stabilize"})
}

func (w *world) keyframe(a *actor) {
	w.say(a, chordevent.State{
		Started: w.started(a), Status: chordevent.StatusActive, Period: 10 * time.Second,
		Successors: refs(a.state.Succ), Predecessor: chordevent.PeerRef{Peer: a.state.Pred}, Ownership: a.owned, Fingers: a.fingers, Load: a.load,
	})
}

func (w *world) alive() []*actor {
	var out []*actor
	for _, a := range w.members {
		if a.live {
			out = append(out, a)
		}
	}
	return out
}

func (w *world) find(id uint64) *actor {
	for _, a := range w.alive() {
		if a.self.ID == w.space.FromUint64(id) {
			return a
		}
	}
	return nil
}

func (w *world) truth() *chord.Global {
	var states []chord.State
	for _, a := range w.alive() {
		states = append(states, a.state)
	}
	return chord.Observe(states)
}

// right gives a member the pointers it should have.
func (w *world) right(a *actor) {
	g := w.truth()
	n := len(g.States)
	i := g.Rank(a.self)
	var pred chord.Peer
	if n > 1 {
		pred = g.States[(i-1+n)%n].Self
	}
	list := make([]chord.Peer, w.listLen)
	last := a.self.ID
	for k := range list {
		if list[k] = g.States[(i+1+k)%n].Self; k+1 >= n {
			list[k] = chord.Peer{ID: w.space.Next(last)}
		}
		last = list[k].ID
	}
	w.setPred(a, pred)
	w.setSucc(a, list)
}

func refs(peers []chord.Peer) []chordevent.PeerRef {
	out := make([]chordevent.PeerRef, len(peers))
	for i, p := range peers {
		out[i].Peer = p
	}
	return out
}

// drawList is any list that a member could be told of: real ones in any order, dead ones, placeholders at the end.
func (w *world) drawList(t *rapid.T) []chord.Peer {
	n := rapid.IntRange(0, w.listLen).Draw(t, "real")
	list := make([]chord.Peer, w.listLen)
	for k := range list {
		if k < n {
			list[k] = w.drawPeer(t)
		} else {
			list[k] = chord.Peer{ID: w.space.FromUint64(uint64(k))}
		}
	}
	return list
}

func (w *world) drawPeer(t *rapid.T) chord.Peer {
	return rapid.SampledFrom(w.members).Draw(t, "peer").self
}

// step makes one random change.
func (w *world) step(t *rapid.T) {
	alive := w.alive()
	if len(alive) == 0 {
		w.birth(rapid.Uint64Range(0, 15).Draw(t, "id"))
		return
	}
	a := rapid.SampledFrom(alive).Draw(t, "member")
	switch rapid.IntRange(0, 9).Draw(t, "what") {
	case 0, 1:
		if id := rapid.Uint64Range(0, 15).Draw(t, "id"); w.find(id) == nil {
			w.birth(id)
		}
	case 2:
		if b := rapid.SampledFrom(alive).Draw(t, "dead"); b != a {
			w.crash(b, a)
		}
	case 3:
		w.setPred(a, chord.Peer{})
	case 4:
		w.setPred(a, w.drawPeer(t))
	case 5:
		w.setSucc(a, w.drawList(t))
	case 6:
		w.keyframe(a)
	case 7:
		w.chatter(t, a)
	default:
		w.right(a)
	}
}

// chatter tells of what has nothing to do with the ring error.
func (w *world) chatter(t *rapid.T, a *actor) {
	switch rapid.IntRange(0, 3).Draw(t, "chatter") {
	case 0:
		a.owned = chordevent.Ownership{Owns: true, From: w.drawPeer(t).ID, Epoch: a.owned.Epoch + 1}
		w.say(a, chordevent.OwnershipChanged{Ownership: a.owned})
	case 1:
		a.load.Gets++
		w.say(a, chordevent.NodeLoad{Load: a.load})
	case 2:
		first := rapid.IntRange(0, w.space.Bits()-1).Draw(t, "first slot")
		last := rapid.IntRange(first, w.space.Bits()-1).Draw(t, "last slot")
		run := chordevent.FingerRun{First: first, Last: last, Peer: chordevent.PeerRef{Peer: w.drawPeer(t)}}
		a.fingers = setSlots(a.fingers, run, w.space.Bits())
		w.say(a, chordevent.FingersChanged{Runs: []chordevent.FingerRun{run}})
	case 3:
		w.say(a, chordevent.KeysMoved{
			MoveID: fmt.Sprint(rapid.IntRange(0, 5).Draw(t, "move")), Phase: chordevent.MoveDone, Reason: chordevent.MoveJoin,
			Outgoing: rapid.Bool().Draw(t, "outgoing"), Peer: chordevent.PeerRef{Peer: w.drawPeer(t)}, Keys: a.seq,
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
