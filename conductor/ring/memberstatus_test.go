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

// settled is a ring of n members, r = 2, all pointers right.
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

// pass lets time pass, with keyframes of every live member but the quiet ones.
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

func TestCrashIsFailedOnAPeersReport(t *testing.T) {
	r := New(Options{})
	w := settled(t, r, 6)
	dead, other := w.Members[2], w.Members[1]
	w.Emit(dead, chordevent.NodeLoad{}) // the reporter has not received this one
	dead.Live = false
	ev := w.Report(other, dead, dead.Seq-1)
	r.Apply(ev, w.Now)
	expectStatus(t, r, dead, Failed, true, "just reported")
	if v := r.View(); v.Status != Repairing || v.Counts.Failed != 1 || v.Counts.Active != 5 {
		t.Errorf("%s, %+v", v.Status, v.Counts)
	}
	w.RepairAll()
	if v := r.View(); v.Status != Ideal {
		t.Errorf("repaired: %s, error %d", v.Status, v.Error)
	}
	pass(w, r, 85*time.Second)
	expectStatus(t, r, dead, Failed, true, "it may be unable to emit events")
	pass(w, r, 10*time.Second)
	expectStatus(t, r, dead, Failed, false, "long after")
}

func TestReportIsRefutedByALaterEvent(t *testing.T) {
	for _, reportFirst := range []bool{true, false} {
		r := New(Options{})
		w := settled(t, r, 6)
		suspect, by := w.Members[2], w.Members[1]
		report := w.Report(by, suspect, suspect.Seq)
		later := w.Event(suspect, chordevent.NodeLoad{})
		if reportFirst {
			r.Apply(report, w.Now)
			expectStatus(t, r, suspect, Failed, true, "reported")
			r.Apply(later, w.Now)
		} else {
			r.Apply(later, w.Now)
			r.Apply(report, w.Now)
		}
		expectStatus(t, r, suspect, Active, false, fmt.Sprintf("refuted (report first: %v)", reportFirst))
		if v := r.View(); v.Status != Ideal {
			t.Errorf("%s", v.Status)
		}
	}
}

// TestManyEventsRefuteAcrossClocks has a reporter whose clock is an hour ahead.
func TestManyEventsRefuteAcrossClocks(t *testing.T) {
	r := New(Options{})
	w := settled(t, r, 6)
	suspect := w.Members[2]
	report := w.Report(w.Members[1], suspect, suspect.Seq)
	report.Time = report.Time.Add(time.Hour)
	r.Apply(report, w.Now)
	for range maxOvertaken {
		w.Emit(suspect, chordevent.NodeLoad{})
	}
	expectStatus(t, r, suspect, Failed, true, "as many events as could have been on their way")
	w.Emit(suspect, chordevent.NodeLoad{})
	expectStatus(t, r, suspect, Active, false, "one more")
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

func TestSilentIsNotDead(t *testing.T) {
	r := New(Options{})
	w := settled(t, r, 6)
	pass(w, r, time.Second)
	quiet := w.Members[2]
	pass(w, r, 14*time.Second, quiet)
	expectStatus(t, r, quiet, Active, false, "one keyframe is late")
	pass(w, r, 2*time.Second, quiet)
	expectStatus(t, r, quiet, Active, true, "overdue")
	pass(w, r, 15*time.Second, quiet)
	expectStatus(t, r, quiet, Silent, true, "three periods")
	if v := r.View(); v.Status != Ideal || v.Certainty.State != PartlyCertain || v.Certainty.Count != 1 || v.Certainty.Members[0].Why != SilentMember || v.Error != 0 || v.Counts.Silent != 1 {
		t.Errorf("%s, error %d, %+v: expected a silent member to count", v.Status, v.Error, v.Counts)
	}
	w.Keyframe(quiet)
	expectStatus(t, r, quiet, Active, false, "back")
	if v := r.View(); v.Status != Ideal {
		t.Errorf("%s", v.Status)
	}
}

// TestLostReportIsMadeUpFor crashes a member, and the report is lost: it is silent, but the others' lists skip it.
func TestLostReportIsMadeUpFor(t *testing.T) {
	r := New(Options{})
	w := settled(t, r, 6)
	crashed := w.Members[2]
	crashed.Live = false
	w.RepairAll()
	pass(w, r, 31*time.Second)
	expectStatus(t, r, crashed, Silent, true, "unreported")
	if v := r.View(); v.Error != 0 || v.Counts.Active != 5 || v.Status != Ideal {
		t.Errorf("%s, error %d, %+v: expected a silent member that is skipped not to count", v.Status, v.Error, v.Counts)
	}
}

func TestLeaveIsByItsOwnEvent(t *testing.T) {
	r := New(Options{})
	w := settled(t, r, 6)
	a := w.Members[2]
	w.Emit(a, chordevent.Leaving{})
	expectStatus(t, r, a, Leaving, false, "leaving")
	w.Emit(a, chordevent.Left{})
	a.Live = false
	r.Apply(w.Report(w.Members[1], a, a.Seq), w.Now)
	expectStatus(t, r, a, Left, false, "left, and a peer that has not received that reports it dead")
	w.RepairAll()
	if v := r.View(); v.Status != Ideal || v.Counts.Left != 1 {
		t.Errorf("%s, %+v", v.Status, v.Counts)
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

// TestUnseenMembersAreNamed has a member name one without any event.
func TestUnseenMembersAreNamed(t *testing.T) {
	r := New(Options{})
	w := settled(t, r, 6)
	hidden := &ringtest.Actor{Self: chord.Peer{ID: w.Space.FromUint64(150), Addr: "hidden:1", Incarnation: 5}, Live: true}
	hidden.State = chord.New(w.Space, hidden.Self, w.ListLen)
	w.Members = append(w.Members, hidden)
	w.Right(w.Members[1]) // names the hidden one as its head
	v := r.View()
	want := UncertainMember{hidden.Self.ID, 5, "hidden:1", NoEvents, w.Now}
	if c := v.Certainty; c.State != PartlyCertain || c.Count != 1 || c.Of != 7 || c.Members[0] != want {
		t.Errorf("%+v", c)
	}
	// Unknown are its own three pointers, and the head and the entry behind it of the member that names it. The
	// predecessor of that member does not name it yet.
	if v.Status != Repairing || v.Error != 1 || v.ErrorUnknown != 5 {
		t.Errorf("%s, error %d, unknown %d", v.Status, v.Error, v.ErrorUnknown)
	}
	w.Emit(hidden, w.Started(hidden))
	w.Emit(hidden, chordevent.SuccessorsChanged{Successors: ringtest.Refs(hidden.State.Succ)})
	w.Emit(hidden, chordevent.Joined{})
	if v := r.View(); v.Status != Repairing || !v.Certainty.All() || v.ErrorUnknown != 0 {
		t.Errorf("%s, %+v", v.Status, v.Certainty)
	}
	w.RepairAll()
	if v := r.View(); v.Status != Ideal || !v.Certainty.All() || len(r.referencedOnly) != 0 {
		t.Errorf("its events have arrived: %s, %d only referenced", v.Status, len(r.referencedOnly))
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
// does, in any number and of any kind but a keyframe: the view shows the running one, complete.
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

// TestFloodsAreBounded applies events and reports of ever new members.
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
