package ring

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"chordconductor/conductor/ring/ringtest"
	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// settled returns an ideal ring of n members, with r = 2.
func settled(t *testing.T, r *Ring, n int) *ringtest.TestRing {
	t.Helper()
	w := ringtest.NewTestRing(160, 2, func(ev *chordevent.Event) { r.Apply(ev, ev.Time) })
	for id := range uint64(n) {
		w.Birth(id * 100)
	}
	w.RepairAll()
	r.Advance(w.Now)
	if v := r.View(); v.Status != Ideal {
		t.Fatalf("the ring is %s, error %d", v.Status, v.Error)
	}
	return w
}

// pass lets time pass, with keyframes of every live member except the quiet ones.
func pass(w *ringtest.TestRing, r *Ring, d time.Duration, quiet ...*ringtest.Actor) {
	for end := w.Now.Add(d); w.Now.Before(end); {
		w.Now = w.Now.Add(time.Second)
		for _, a := range w.Alive() {
			if !slices.Contains(quiet, a) {
				w.Keyframe(a)
			}
		}
		r.Advance(w.Now)
	}
}

func expectStatus(t *testing.T, r *Ring, a *ringtest.Actor, want MemberStatus, uncertain bool, when string) {
	t.Helper()
	if m := r.Member(a.Self.ID); m == nil || m.Status != want || m.Uncertain != uncertain {
		t.Errorf("%s: %+v, want status %s, uncertain %v", when, m, want, uncertain)
	}
}

// TestReportOfALaterIncarnation reports the death of a later incarnation than the one whose events arrive.
func TestReportOfALaterIncarnation(t *testing.T) {
	r := New(Options{})
	w := settled(t, r, 6)
	old, by := w.Members[2], w.Members[1]
	reborn := &ringtest.Actor{Self: old.Self, State: old.State}
	reborn.Self.Incarnation += 100
	r.Apply(w.Report(by, reborn, 3), w.Now)
	expectStatus(t, r, old, Active, false, "it concerns the later one")
	want := UncertainMember{reborn.Self.ID, reborn.Self.Incarnation, "", ReportedDead, w.Now}
	if c := r.View().Certainty; c.Count != 1 || c.Members[0] != want {
		t.Errorf("%+v", c)
	}
	for range 3 {
		w.Emit(reborn, chordevent.NodeLoad{})
	}
	expectStatus(t, r, old, Failed, true, "its events arrive, late")
	w.Emit(reborn, chordevent.Joined{})
	expectStatus(t, r, old, Active, true, "it is alive, and its list has not arrived")
	if m := r.Member(old.Self.ID); m.Successors != nil || m.Incarnation != reborn.Self.Incarnation {
		t.Errorf("the new incarnation has fields of the old one: %+v", m)
	}
}

func TestThoseLongGoneAreForgotten(t *testing.T) {
	r := New(Options{Forget: time.Minute})
	w := settled(t, r, 6)
	a := w.Members[2]
	w.Crash(a, w.Members[1])
	w.RepairAll()
	pass(w, r, 50*time.Second)
	expectStatus(t, r, a, Failed, true, "kept")
	pass(w, r, 15*time.Second)
	if m := r.Member(a.Self.ID); m != nil || len(r.records) != 5 || len(r.View().Members) != 5 {
		t.Errorf("%+v, %d records", m, len(r.records))
	}
}

// TestOldEventsAreMarked has keyframes arrive so late that they show nothing of the present, and others from a clock
// with a small offset.
func TestOldEventsAreMarked(t *testing.T) {
	for _, test := range []struct {
		late      time.Duration
		uncertain bool
	}{{-3 * time.Second, false}, {time.Second, false}, {4 * time.Second, false}, {19 * time.Second, false}, {21 * time.Second, true}, {time.Minute, true}} {
		r := New(Options{})
		w := settled(t, r, 6)
		a := w.Members[2]
		reborn := &ringtest.Actor{Self: a.Self, State: a.State, Live: true}
		reborn.Self.Incarnation += 100
		r.Apply(w.Event(reborn, chordevent.NodeLoad{}), w.Now.Add(test.late))
		expectStatus(t, r, reborn, Joining, test.uncertain, fmt.Sprintf("an event %v old", test.late))
	}
}

func TestOtherRingsAreRefused(t *testing.T) {
	r := New(Options{})
	w := settled(t, r, 4)
	ev := w.Event(w.Members[0], chordevent.NodeLoad{})
	ev.Ring = "other"
	if c := r.Apply(ev, w.Now); c.Applied || r.View().Counts.Refused != 1 {
		t.Errorf("%+v, %+v", c, r.View().Counts)
	}
}

// TestStrayEventsChooseNoRing has events of a ring that does not run arrive before, among and after those of one that
// does, in any number and of any kind but a keyframe: the view shows the running ring, completely.
func TestStrayEventsChooseNoRing(t *testing.T) {
	bodies := []chordevent.Body{chordevent.Leaving{}, chordevent.Joined{}, chordevent.NodeLoad{}, chordevent.Left{},
		chordevent.Started{Bits: 24, ListLen: 3, Replicas: 1},
		chordevent.HostState{Incarnation: 1, Seq: 1, Status: chordevent.HostEmpty, Period: time.Minute}}
	rapid.Check(t, func(t *rapid.T) {
		r := New(Options{})
		stray := func() {
			for range rapid.IntRange(0, 3).Draw(t, "stray events") {
				body := rapid.SampledFrom(bodies).Draw(t, "stray")
				r.Apply(&chordevent.Event{
					Time: ringtest.Start, Ring: "typo", Instance: "stray", Host: chordevent.Host{ID: "s", Address: "s:1"},
					Node: chordevent.Node{ID: chord.ID{19: byte(rapid.IntRange(1, 3).Draw(t, "id"))}, Digits: 40, Incarnation: 1, Seq: int64(rapid.IntRange(1, 9).Draw(t, "number"))}, Body: body,
				}, ringtest.Start)
			}
		}
		stray()
		w := ringtest.NewTestRing(160, 2, func(ev *chordevent.Event) { r.Apply(ev, ev.Time) })
		for id := range uint64(5) {
			w.Birth(id * 100)
		}
		w.RepairAll()
		stray()
		for _, a := range w.Members {
			w.Keyframe(a)
			stray()
		}
		r.Advance(w.Now)
		v := r.View()
		if v.Name != "test" || v.Status != Ideal || len(v.Members) != 5 || v.Counts.Active != 5 || len(v.Hosts) != 0 || !v.Certainty.All() {
			t.Fatalf("%s: %s, %+v, %+v", v.Name, v.Status, v.Counts, v.Certainty)
		}
		if restored, err := Restore(Options{}, r.Checkpoint()); err != nil || restored.View().Name != "test" || len(restored.View().Members) != 5 {
			t.Fatalf("%v", err)
		}
	})
}

// TestFloodsAreBounded applies events and reports of thousands of members that appear once each: the fold keeps no more
// than MaxMembers of them.
func TestFloodsAreBounded(t *testing.T) {
	const most = 64
	r := New(Options{MaxMembers: most, Forget: time.Minute})
	w := settled(t, r, 6)
	for i := range uint64(3000) {
		a := &ringtest.Actor{Self: chord.Peer{ID: w.Space.FromUint64(1_000_000 + i), Addr: "x:1", Incarnation: 1}}
		other := chord.Peer{ID: w.Space.FromUint64(2_000_000 + i), Addr: "y:1", Incarnation: 1}
		w.Emit(a, chordevent.Joined{})
		w.Emit(a, chordevent.PredecessorChanged{Predecessor: chordevent.PeerRef{Peer: other}})
		w.Emit(a, chordevent.SuccessorsChanged{Successors: ringtest.Refs([]chord.Peer{other, a.Self})})
		w.Emit(w.Members[0], chordevent.PeerFailed{Peer: chordevent.PeerRef{Peer: chord.Peer{ID: other.ID, Addr: "z:1", Incarnation: 9}}})
		w.Emit(w.Members[0], chordevent.KeysMoved{MoveID: fmt.Sprint(i), Phase: chordevent.MoveStarted})
	}
	if r.seenCount > most || len(r.records) > 3*most+maxReported || len(r.moves.by) > maxMoves {
		t.Errorf("%d members, %d records, %d moves", r.seenCount, len(r.records), len(r.moves.by))
	}
	if v := r.View(); v.Counts.Refused == 0 || len(v.Members) != most {
		t.Errorf("%d members, %+v", len(v.Members), v.Counts)
	}
	for _, a := range w.Members {
		expectStatus(t, r, a, Active, false, "a member from before the flood")
	}
	pass(w, r, 45*time.Second) // the members of the flood fall silent
	newcomer := w.Birth(50)
	expectStatus(t, r, newcomer, Active, false, "a newcomer takes the place of a silent one")
	pass(w, r, 2*time.Minute)
	if len(r.records) != 7 || len(r.breaches) > 7*5 {
		t.Errorf("after the flood: %d records, %d breaches", len(r.records), len(r.breaches))
	}
}
