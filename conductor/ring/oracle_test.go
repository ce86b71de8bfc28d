package ring

import (
	"fmt"
	"slices"
	"testing"
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
	self  chord.Peer
	seq   int64
	live  bool
	state chord.State
	owned chordevent.Ownership
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
		Successors: refs(a.state.Succ), Predecessor: chordevent.PeerRef{Peer: a.state.Pred}, Ownership: a.owned,
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
	default:
		w.right(a)
	}
}

// TestRingErrorIsTheOracles compares the incremental sums, each member's part and the breaches with what package chord
// computes of full states, after every event.
func TestRingErrorIsTheOracles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := New(Options{})
		w := newWorld(rapid.SampledFrom([]int{4, 6, 160}).Draw(t, "bits"), rapid.IntRange(1, 4).Draw(t, "r"), func(ev *chordevent.Event) {
			r.Apply(ev, ev.Time)
		})
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			w.step(t)
			w.compare(t, r)
		}
	})
}

func (w *world) compare(t *rapid.T, r *Ring) {
	g := w.truth()
	each, total := g.RingError(w.space)
	v := r.View()
	if v.Error != uint64(total) {
		t.Fatalf("ring error %d, the oracle says %d %v", v.Error, total, each)
	}
	for i, s := range g.States {
		if m := r.Member(s.Self.ID); m.Error != each[i] {
			t.Fatalf("error of %v: %d, the oracle says %d", s.Self, m.Error, each[i])
		}
	}
	n := len(g.States)
	if n > w.listLen && (v.Error == 0) != g.Ideal(w.space) {
		t.Fatalf("error %d, ideal %v", v.Error, g.Ideal(w.space))
	}
	r.Advance(w.now)
	want := map[string]bool{}
	for _, s := range g.States {
		for _, b := range chord.ListBreaches(s) {
			want[b.Condition] = true
		}
	}
	if n > w.listLen {
		for _, b := range g.Breaches(w.listLen) {
			want[b.Condition] = true
		}
	}
	got := map[string]bool{}
	for key := range r.breaches {
		got[key.condition] = true
	}
	if fmt.Sprint(want) != fmt.Sprint(got) {
		t.Fatalf("breaches %v, the oracle says %v", got, want)
	}
}

func TestIdealRing(t *testing.T) {
	r := New(Options{})
	w := newWorld(160, 3, func(ev *chordevent.Event) { r.Apply(ev, ev.Time) })
	if s := r.View().Status; s != Empty {
		t.Errorf("at first: status %d", s)
	}
	for id := range uint64(3) {
		w.birth(id * 1000)
	}
	for _, a := range w.members {
		w.right(a)
	}
	if v := r.View(); v.Status != Forming || v.Error != 0 {
		t.Errorf("three members, r = 3: status %d, error %d", v.Status, v.Error)
	}
	for id := range uint64(5) {
		w.birth(500 + id*1000)
	}
	r.Advance(w.now)
	if v := r.View(); v.Status != Repairing {
		t.Errorf("new members without pointers: status %d, error %d", v.Status, v.Error)
	}
	for _, a := range w.members {
		w.right(a)
	}
	r.Advance(w.now)
	v := r.View()
	if v.Status != Ideal || v.Error != 0 || len(v.Violations) != 0 {
		t.Errorf("status %d, error %d, violations %v", v.Status, v.Error, v.Violations)
	}
	if !slices.IsSortedFunc(v.Members, func(a, b *Member) int { return a.ID.Compare(b.ID) }) || len(v.Members) != 8 {
		t.Errorf("%d members, or not in order", len(v.Members))
	}
}
