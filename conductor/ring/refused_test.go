package ring

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"chordconductor/conductor/ring/ringtest"
	"chordconductor/otel/chordevent"
)

// The joins of a host that was started with other bits, r or R are refused, and the host ends. It is not a silent
// member of this ring, nor does it make the ring uncertain: it is counted as refused, whenever its events arrived.
func TestRefusedHostIsNoMember(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var events []*chordevent.Event
		w := ringtest.NewTestRing(160, 2, func(ev *chordevent.Event) { events = append(events, ev) })
		for id := range uint64(6) {
			w.Birth(id)
		}
		w.RepairAll()
		w.OwnAll()
		for _, a := range w.Alive() {
			w.Keyframe(a)
		}
		ours := len(events)
		odd := w.Birth(100)
		started := w.Started(odd)
		change := rapid.SampledFrom([]func(*chordevent.Started){
			func(s *chordevent.Started) { s.Bits = 158 }, func(s *chordevent.Started) { s.ListLen = 3 }, func(s *chordevent.Started) { s.Replicas = 2 },
		}).Draw(t, "set up otherwise")
		change(&started)
		events[ours].Body = started

		shuffled := rapid.Permutation(events).Draw(t, "order")
		r := New(Options{Name: "test"})
		for _, ev := range shuffled {
			r.Apply(ev, w.Now)
		}
		for _, later := range []time.Duration{0, time.Second, 16 * time.Second, 40 * time.Second} {
			now := w.Now.Add(later)
			for _, a := range w.Alive() {
				if a != odd && later > 0 {
					w.Keyframe(a)
					ev := events[len(events)-1]
					ev.Time = now
					r.Apply(ev, now)
				}
			}
			r.Advance(now)
			v := r.View()
			if v.Bits != 160 || v.ListLen != 2 || v.Replicas != 3 {
				t.Fatalf("the ring has %d bits, r = %d, R = %d", v.Bits, v.ListLen, v.Replicas)
			}
			if len(v.Members) != 6 || v.Counts.Active != 6 || v.Counts.RefusedMembers != 1 || v.Counts.Silent+v.Counts.Joining+v.Counts.Uncertain > 0 {
				t.Fatalf("after %v: %d members shown, %+v", later, len(v.Members), v.Counts)
			}
			if v.Status != Ideal || r.Member(odd.Self.ID) != nil {
				t.Fatalf("after %v: the ring is %v", later, v.Status)
			}
			again, err := Restore(Options{Name: "test"}, r.Checkpoint())
			if err != nil {
				t.Fatal(err)
			}
			if got, want := printView(again, allMembers), printView(r, allMembers); got != want {
				t.Fatal("restored: ", firstDifference(got, want))
			}
		}
		before := r.View().Counts
		w.Emit(odd, chordevent.NodeLoad{})
		r.Apply(events[len(events)-1], w.Now)
		if after := r.View().Counts; after.Refused != before.Refused+1 || after.RefusedMembers != 1 || after.Joining > 0 {
			t.Fatalf("its event is not counted as refused: %+v", after)
		}
	})
}

// When the events of the majority arrive last, its members replace those that were shown before.
func TestMajorityDecidesWhichAreRefused(t *testing.T) {
	r := New(Options{})
	odd := ringtest.NewTestRing(160, 3, func(ev *chordevent.Event) { r.Apply(ev, ev.Time) })
	odd.Birth(100)
	if v := r.View(); v.ListLen != 3 || len(v.Members) != 1 || v.Counts.RefusedMembers != 0 {
		t.Fatalf("alone: r = %d, %d members, %+v", v.ListLen, len(v.Members), v.Counts)
	}
	w := ringtest.NewTestRing(160, 2, func(ev *chordevent.Event) { r.Apply(ev, ev.Time) })
	for id := range uint64(6) {
		w.Birth(id)
	}
	w.RepairAll()
	if v := r.View(); v.ListLen != 2 || len(v.Members) != 6 || v.Counts.Active != 6 || v.Counts.RefusedMembers != 1 || v.Error != 0 {
		t.Fatalf("r = %d, %d members, %+v, error %d", v.ListLen, len(v.Members), v.Counts, v.Error)
	}
}

// A refused host with more virtual nodes than the ring has members does not hide the ring. Nor do members that have
// left a ring, or become silent, hide the ring that follows under the same name.
func TestWhichVotesCount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var events []*chordevent.Event
		emit := func(ev *chordevent.Event) { events = append(events, ev) }
		before := ringtest.NewTestRing(160, 4, emit)
		for id := range uint64(9) {
			before.Birth(id)
		}
		ends := rapid.SampledFrom([]string{"they leave", "they fall silent"}).Draw(t, "the ring before")
		if ends == "they leave" {
			for _, a := range before.Alive() {
				before.Emit(a, chordevent.Left{})
			}
		}
		r := New(Options{Name: "test"})
		for _, ev := range rapid.Permutation(events).Draw(t, "order of the ring before") {
			r.Apply(ev, before.Now)
		}
		events = nil
		w := ringtest.NewTestRing(160, 2, emit)
		w.Now = before.Now.Add(time.Minute)
		for id := range uint64(6) {
			w.Birth(100 + id)
		}
		w.RepairAll()
		odd := ringtest.NewTestRing(160, 3, func(ev *chordevent.Event) {
			if _, started := ev.Body.(chordevent.Started); started {
				emit(ev)
			}
		})
		odd.Now = w.Now
		for id := range uint64(20) {
			odd.Birth(200 + id)
		}
		r.Advance(w.Now)
		for _, ev := range rapid.Permutation(events).Draw(t, "order") {
			r.Apply(ev, w.Now)
		}
		v := r.View()
		if v.ListLen != 2 || len(v.Members) != 6 || v.Counts.Active != 6 || v.Counts.RefusedMembers != 29 || v.Error != 0 {
			t.Fatalf("%s: r = %d, %d members, %+v, error %d", ends, v.ListLen, len(v.Members), v.Counts, v.Error)
		}
		again, err := Restore(Options{Name: "test"}, r.Checkpoint())
		if err != nil {
			t.Fatal(err)
		}
		if got, want := printView(again, allMembers), printView(r, allMembers); got != want {
			t.Fatal("restored: ", firstDifference(got, want))
		}
		later := w.Now.Add(20 * time.Minute)
		if r.Advance(later); r.Len() != 0 || len(r.votes) != 0 {
			t.Fatalf("%d members are kept, and the votes of %v", r.Len(), r.votes)
		}
	})
}

// A member that became silent before it had joined hides no other member, not even one that has left.
func TestSilentJoinersWeighLeast(t *testing.T) {
	r := New(Options{})
	w := ringtest.NewTestRing(160, 2, func(ev *chordevent.Event) { r.Apply(ev, ev.Time) })
	w.Birth(1)
	odd := ringtest.NewTestRing(160, 3, func(ev *chordevent.Event) {
		if _, started := ev.Body.(chordevent.Started); started {
			r.Apply(ev, ev.Time)
		}
	})
	for id := range uint64(3) {
		odd.Birth(100 + id)
	}
	w.Emit(w.Members[0], chordevent.Left{})
	r.Advance(w.Now.Add(time.Minute))
	if v := r.View(); v.ListLen != 2 || v.Counts.Left != 1 || v.Counts.RefusedMembers != 3 {
		t.Fatalf("r = %d, %+v", v.ListLen, v.Counts)
	}
}
