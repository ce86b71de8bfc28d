package ring

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// settled is a ring of n members, r = 2, all pointers right.
func settled(t *testing.T, r *Ring, n int) *world {
	t.Helper()
	w := newWorld(160, 2, func(ev *chordevent.Event) { r.Apply(ev, ev.Time) })
	for id := range uint64(n) {
		w.birth(id * 100)
	}
	w.repairAll()
	r.Advance(w.now)
	if v := r.View(); v.Status != Ideal {
		t.Fatalf("a settled ring is %s, error %d", v.Status, v.Error)
	}
	return w
}

func (w *world) repairAll() {
	for _, a := range w.alive() {
		w.right(a)
	}
}

// pass lets time pass, with keyframes of everybody alive but the quiet ones.
func (w *world) pass(r *Ring, d time.Duration, quiet ...*actor) {
	for end := w.now.Add(d); w.now.Before(end); {
		w.now = w.now.Add(time.Second)
		for _, a := range w.alive() {
			if !slices.Contains(quiet, a) {
				w.keyframe(a)
			}
		}
		r.Advance(w.now)
	}
}

func expectStatus(t *testing.T, r *Ring, a *actor, want MemberStatus, uncertain bool, when string) {
	t.Helper()
	if m := r.Member(a.self.ID); m == nil || m.Status != want || m.Uncertain != uncertain {
		t.Errorf("%s: %+v, want status %s, uncertain %v", when, m, want, uncertain)
	}
}

func (w *world) report(by, of *actor, seq int64) *chordevent.Event {
	return w.event(by, chordevent.PeerFailed{Peer: chordevent.PeerRef{Peer: of.self, Seq: seq}, Operation: "chord.stabilize"})
}

func TestCrashIsFailedOnAPeersReport(t *testing.T) {
	r := New(Options{})
	w := settled(t, r, 6)
	dead, other := w.members[2], w.members[1]
	w.say(dead, chordevent.NodeLoad{}) // the reporter has not heard of this one
	dead.live = false
	ev := w.report(other, dead, dead.seq-1)
	r.Apply(ev, w.now)
	expectStatus(t, r, dead, Failed, true, "just reported")
	if v := r.View(); v.Status != Repairing || v.Counts.Failed != 1 || v.Counts.Active != 5 {
		t.Errorf("%s, %+v", v.Status, v.Counts)
	}
	w.repairAll()
	if v := r.View(); v.Status != Ideal {
		t.Errorf("repaired: %s, error %d", v.Status, v.Error)
	}
	w.pass(r, 20*time.Second)
	expectStatus(t, r, dead, Failed, false, "long after")
}

func TestReportIsRefutedByALaterEvent(t *testing.T) {
	for _, reportFirst := range []bool{true, false} {
		r := New(Options{})
		w := settled(t, r, 6)
		suspect, by := w.members[2], w.members[1]
		report := w.report(by, suspect, suspect.seq)
		later := w.event(suspect, chordevent.NodeLoad{})
		if reportFirst {
			r.Apply(report, w.now)
			expectStatus(t, r, suspect, Failed, true, "reported")
			r.Apply(later, w.now)
		} else {
			r.Apply(later, w.now)
			r.Apply(report, w.now)
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
	suspect := w.members[2]
	report := w.report(w.members[1], suspect, suspect.seq)
	report.Time = report.Time.Add(time.Hour)
	r.Apply(report, w.now)
	for range maxOvertaken {
		w.say(suspect, chordevent.NodeLoad{})
	}
	expectStatus(t, r, suspect, Failed, true, "as many events as could have been on their way")
	w.say(suspect, chordevent.NodeLoad{})
	expectStatus(t, r, suspect, Active, false, "one more")
}

func TestReportOfALifeNotHeardOf(t *testing.T) {
	r := New(Options{})
	w := settled(t, r, 6)
	old, by := w.members[2], w.members[1]
	reborn := &actor{self: old.self, state: old.state}
	reborn.self.Incarnation += 100
	r.Apply(w.report(by, reborn, 3), w.now)
	expectStatus(t, r, old, Failed, true, "a later life was found dead")
	for range 3 {
		w.say(reborn, chordevent.NodeLoad{})
	}
	expectStatus(t, r, old, Failed, true, "it is heard of, late")
	w.say(reborn, chordevent.Joined{})
	expectStatus(t, r, old, Active, false, "it is alive")
	if m := r.Member(old.self.ID); m.Successors != nil || m.Incarnation != reborn.self.Incarnation {
		t.Errorf("the new life has what the old one had: %+v", m)
	}
}

func TestSilentIsNotDead(t *testing.T) {
	r := New(Options{})
	w := settled(t, r, 6)
	w.pass(r, time.Second)
	quiet := w.members[2]
	w.pass(r, 14*time.Second, quiet)
	expectStatus(t, r, quiet, Active, false, "one keyframe is late")
	w.pass(r, 2*time.Second, quiet)
	expectStatus(t, r, quiet, Active, true, "overdue")
	w.pass(r, 15*time.Second, quiet)
	expectStatus(t, r, quiet, Silent, true, "three periods")
	if v := r.View(); v.Status != Uncertain || v.Error != 0 || v.Counts.Silent != 1 {
		t.Errorf("%s, error %d, %+v: a silent member counts", v.Status, v.Error, v.Counts)
	}
	w.keyframe(quiet)
	expectStatus(t, r, quiet, Active, false, "back")
	if v := r.View(); v.Status != Ideal {
		t.Errorf("%s", v.Status)
	}
}

// TestLostReportIsMadeUpFor crashes a member, and the report is lost: it is silent, but the others' lists pass it over.
func TestLostReportIsMadeUpFor(t *testing.T) {
	r := New(Options{})
	w := settled(t, r, 6)
	crashed := w.members[2]
	crashed.live = false
	w.repairAll()
	w.pass(r, 31*time.Second)
	expectStatus(t, r, crashed, Silent, true, "unreported")
	if v := r.View(); v.Error != 0 || v.Counts.Active != 5 {
		t.Errorf("error %d, %+v: a silent member that is passed over does not count", v.Error, v.Counts)
	}
}

func TestLeaveIsItsOwnWord(t *testing.T) {
	r := New(Options{})
	w := settled(t, r, 6)
	a := w.members[2]
	w.say(a, chordevent.Leaving{})
	expectStatus(t, r, a, Leaving, false, "leaving")
	w.say(a, chordevent.Left{})
	a.live = false
	r.Apply(w.report(w.members[1], a, a.seq), w.now)
	expectStatus(t, r, a, Left, false, "left, and a peer that does not know it reports it")
	w.repairAll()
	if v := r.View(); v.Status != Ideal || v.Counts.Left != 1 {
		t.Errorf("%s, %+v", v.Status, v.Counts)
	}
}

func TestThoseLongGoneAreForgotten(t *testing.T) {
	r := New(Options{Forget: time.Minute})
	w := settled(t, r, 6)
	a := w.members[2]
	w.crash(a, w.members[1])
	w.repairAll()
	w.pass(r, 50*time.Second)
	expectStatus(t, r, a, Failed, false, "remembered")
	w.pass(r, 15*time.Second)
	if m := r.Member(a.self.ID); m != nil || len(r.records) != 5 || len(r.View().Members) != 5 {
		t.Errorf("%+v, %d records", m, len(r.records))
	}
}

func TestStrangersMakeTheRingUncertain(t *testing.T) {
	r := New(Options{})
	w := settled(t, r, 6)
	hidden := &actor{self: chord.Peer{ID: w.space.FromUint64(150), Addr: "hidden:1", Incarnation: 5}, live: true}
	hidden.state = chord.New(w.space, hidden.self, w.listLen)
	w.members = append(w.members, hidden)
	w.right(w.members[1]) // names the hidden one as its head
	w.now = w.now.Add(500 * time.Millisecond)
	r.Advance(w.now)
	if v := r.View(); v.Status != Repairing {
		t.Errorf("its own events may be on their way: %s", v.Status)
	}
	w.now = w.now.Add(600 * time.Millisecond)
	r.Advance(w.now)
	if v := r.View(); v.Status != Uncertain {
		t.Errorf("somebody whom nobody has heard is named: %s", v.Status)
	}
	w.say(hidden, w.started(hidden))
	w.say(hidden, chordevent.Joined{})
	w.repairAll()
	if v := r.View(); v.Status != Ideal || len(r.strangers) != 0 {
		t.Errorf("heard of: %s, %d strangers", v.Status, len(r.strangers))
	}
}

func TestOtherRingsAreRefused(t *testing.T) {
	r := New(Options{})
	w := settled(t, r, 4)
	ev := w.event(w.members[0], chordevent.NodeLoad{})
	ev.Ring = "other"
	if c := r.Apply(ev, w.now); c.Applied || r.View().Counts.Refused != 1 {
		t.Errorf("%+v, %+v", c, r.View().Counts)
	}
}

// TestFloodsAreBounded sends events and reports of ever new members.
func TestFloodsAreBounded(t *testing.T) {
	const most = 64
	r := New(Options{MaxMembers: most, Forget: time.Minute})
	w := settled(t, r, 6)
	for i := range uint64(3000) {
		a := &actor{self: chord.Peer{ID: w.space.FromUint64(1_000_000 + i), Addr: "x:1", Incarnation: 1}}
		other := chord.Peer{ID: w.space.FromUint64(2_000_000 + i), Addr: "y:1", Incarnation: 1}
		w.say(a, chordevent.Joined{})
		w.say(a, chordevent.PredecessorChanged{Predecessor: chordevent.PeerRef{Peer: other}})
		w.say(a, chordevent.SuccessorsChanged{Successors: refs([]chord.Peer{other, a.self})})
		w.say(w.members[0], chordevent.PeerFailed{Peer: chordevent.PeerRef{Peer: chord.Peer{ID: other.ID, Addr: "z:1", Incarnation: 9}}})
		w.say(w.members[0], chordevent.KeysMoved{MoveID: fmt.Sprint(i), Phase: chordevent.MoveStarted})
	}
	if r.heard > most || len(r.records) > 3*most+maxReported || len(r.moves.by) > maxMoves {
		t.Errorf("%d members, %d records, %d moves", r.heard, len(r.records), len(r.moves.by))
	}
	if v := r.View(); v.Counts.Refused == 0 || len(v.Members) != most {
		t.Errorf("%d members, %+v", len(v.Members), v.Counts)
	}
	for _, a := range w.members {
		expectStatus(t, r, a, Active, false, "a member from before the flood")
	}
	w.pass(r, 45*time.Second) // the intruders fall silent
	newcomer := w.birth(50)
	expectStatus(t, r, newcomer, Active, false, "a newcomer takes the place of a silent one")
	w.pass(r, 2*time.Minute)
	if len(r.records) != 7 || len(r.breaches) > 7*5 {
		t.Errorf("after the flood: %d records, %d breaches", len(r.records), len(r.breaches))
	}
}
