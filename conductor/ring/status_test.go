package ring

import (
	"testing"
	"time"

	"chordconductor/conductor/ring/ringtest"
	"chordconductor/otel/chordevent"
)

// TestOneLoneEventIsNoRing has a single event arrive, of each kind without a successor list: the ring's status stays
// unknown.
func TestOneLoneEventIsNoRing(t *testing.T) {
	for _, body := range []chordevent.Body{
		chordevent.Joined{}, chordevent.NodeLoad{}, chordevent.Started{Bits: 160, ListLen: 8, Replicas: 3}, chordevent.Leaving{}, chordevent.Left{},
		chordevent.PredecessorChanged{}, chordevent.OwnershipChanged{},
	} {
		r := New(Options{})
		w := ringtest.NewTestRing(160, 2, func(ev *chordevent.Event) { r.Apply(ev, ev.Time) })
		w.Birth(7)
		a := &ringtest.Actor{Self: w.Members[0].Self}
		a.Self.ID[0]++
		r = New(Options{})
		w.Emit(a, body)
		r.Advance(w.Now)
		if v := r.View(); v.Status != Unknown {
			t.Errorf("%T alone: %s, %+v", body, v.Status, v.Certainty)
		}
	}
}

// TestFormingEndsWithTheFirstIdeal follows a young ring: it is forming until it has been ideal for a grace, and
// repairing afterwards; a ring that has lost all members forms again.
func TestFormingEndsWithTheFirstIdeal(t *testing.T) {
	r := New(Options{})
	begun := ringtest.Start.Add(time.Hour).UnixNano()
	w := ringtest.NewTestRing(160, 2, func(ev *chordevent.Event) { r.Apply(ev, ev.Time) })
	w.Now = ringtest.Start.Add(time.Hour)
	birth := func(id uint64) *ringtest.Actor {
		a := w.Birth(id)
		a.Live = false // an incarnation as outside of this package's tests, where it is the time of the start
		real := *a
		real.Self.Incarnation, real.Live, real.Seq = begun+int64(id), true, 0
		real.State.Self = real.Self
		w.Members = append(w.Members, &real)
		return &real
	}
	expect := func(when string, want Status) {
		t.Helper()
		w.Now = w.Now.Add(100 * time.Millisecond)
		r.Advance(w.Now)
		restored, err := Restore(Options{}, r.Checkpoint())
		if err != nil {
			t.Fatal(err)
		}
		if got, again := r.View().Status, restored.View().Status; got != want || again != want {
			t.Errorf("%s: %s, restored %s, want %s", when, got, again, want)
		}
	}
	var members []*ringtest.Actor
	for id := range uint64(5) {
		members = append(members, birth(10+id))
	}
	r = New(Options{})
	for _, a := range members {
		w.Keyframe(a)
	}
	expect("at first", Forming)
	w.RepairAll()
	expect("ideal at once", Ideal)
	w.SetPred(members[2], members[0].Self)
	expect("for a moment only", Forming)
	w.Right(members[2])
	for range 12 {
		expect("ideal for a grace", Ideal)
	}
	w.SetPred(members[2], members[0].Self)
	expect("still young", Repairing)
	for _, a := range members {
		w.Emit(a, chordevent.Left{})
	}
	expect("all have left", Unknown)
	for range 2 {
		a := birth(uint64(100 + len(w.Members)))
		w.Keyframe(a)
	}
	expect("another ring of the same name", Forming)
}
