package ring

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"chordconductor/conductor/ring/ringtest"
	"chordconductor/otel/chordevent"
)

// clocksOf returns the states that hosts with these clock offsets report: each compares its clock with those of the
// others.
func clocksOf(offsets []time.Duration) (states []chordevent.HostState) {
	for i, own := range offsets {
		var aheads []time.Duration
		for j, other := range offsets {
			if j != i {
				aheads = append(aheads, own-other)
			}
		}
		slices.Sort(aheads)
		s := chordevent.HostState{Incarnation: 1, Seq: 1, Period: 10 * time.Second, Status: "active", Members: 1, ClockOthers: len(aheads)}
		if n := len(aheads); n > 0 {
			s.ClockAhead = (aheads[(n-1)/2] + aheads[n/2]) / 2
		}
		states = append(states, s)
	}
	return states
}

// TestDeathsAreDecidedByRingTime: whatever the offsets of the victim's clock and the reporter's clock are, a report of
// a death counts against events that the victim emitted before it, and is refuted by those that the victim emits
// afterwards, in any order of arrival.
func TestDeathsAreDecidedByRingTime(t *testing.T) {
	check := func(t rapid.TB, offsets []time.Duration, suspect, reporter int, late bool) {
		var events []*chordevent.Event
		w := ringtest.NewTestRing(160, 3, func(ev *chordevent.Event) { events = append(events, ev) })
		var actors []*ringtest.Actor
		for i := range offsets {
			actors = append(actors, w.Birth(uint64(i+1)<<40))
		}
		w.RepairAll()
		r, begin := New(Options{}), w.Now
		skew := func(ev *chordevent.Event) *chordevent.Event {
			for i, a := range actors {
				if a.Self.Addr == ev.Host.Address {
					ev.Time = ev.Time.Add(offsets[i])
				}
			}
			return ev
		}
		for i, s := range clocksOf(offsets) {
			ev := w.Event(actors[i], s)
			actors[i].Seq-- // a host numbers its own
			r.Apply(ev, begin)
		}
		for _, ev := range events {
			r.Apply(skew(ev), w.Now)
		}
		victim := actors[suspect]
		known := victim.Seq
		w.Now = w.Now.Add(100 * time.Millisecond)
		unknown := skew(w.Event(victim, chordevent.NodeLoad{})) // the reporter has not received it
		w.Now = w.Now.Add(400 * time.Millisecond)
		report := skew(w.Report(actors[reporter], victim, known))
		order := []*chordevent.Event{unknown, report}
		if late {
			slices.Reverse(order)
		}
		for _, ev := range order {
			r.Apply(ev, w.Now)
		}
		what := fmt.Sprintf("clocks %v, %d reports %d, late %t", offsets, reporter, suspect, late)
		if got := r.Member(victim.Self.ID).Status; got != Failed {
			t.Fatalf("%s: after the report it is %v", what, got)
		}
		w.Now = w.Now.Add(400 * time.Millisecond)
		r.Apply(skew(w.Event(victim, chordevent.NodeLoad{})), w.Now)
		if got := r.Member(victim.Self.ID).Status; got != Active {
			t.Fatalf("%s: after a later event it is %v", what, got)
		}
	}
	for _, late := range []bool{false, true} {
		check(t, []time.Duration{0, -30 * time.Second, 30 * time.Second, 0}, 2, 1, late) // refuted immediately by raw timestamps
		check(t, []time.Duration{0, -30 * time.Second, 30 * time.Second, 0}, 1, 2, late) // refuted only after 64 events
		check(t, []time.Duration{-20 * time.Second, 20 * time.Second}, 0, 1, late)
		check(t, []time.Duration{0, 0, 30 * time.Second}, 2, 0, late)
	}
	rapid.Check(t, func(t *rapid.T) {
		off := rapid.Int64Range(-int64(30*time.Second), int64(30*time.Second))
		// With two or three hosts the correction is exact; with more it is as exact as their medians agree.
		offsets := make([]time.Duration, rapid.IntRange(2, 3).Draw(t, "hosts"))
		if rapid.Bool().Draw(t, "one clock is off, of many") {
			offsets = make([]time.Duration, rapid.IntRange(5, 9).Draw(t, "many"))
			offsets[rapid.IntRange(0, len(offsets)-1).Draw(t, "which")] = time.Duration(off.Draw(t, "offset"))
		} else {
			for i := range offsets {
				offsets[i] = time.Duration(off.Draw(t, "offset"))
			}
		}
		suspect := rapid.IntRange(0, len(offsets)-1).Draw(t, "suspect")
		reporter := (suspect + rapid.IntRange(1, len(offsets)-1).Draw(t, "reporter")) % len(offsets)
		check(t, offsets, suspect, reporter, rapid.Bool().Draw(t, "late"))
	})
}

// TestImpossibleClocks: the events of a host are applied whatever values it reports for its clock.
func TestImpossibleClocks(t *testing.T) {
	for _, ahead := range []time.Duration{math.MinInt64, math.MaxInt64, maxAhead + 1, -maxAhead - 1} {
		for others := range 5 {
			r := New(Options{})
			w := settled(t, r, 3)
			a := w.Members[0]
			state := w.Event(a, chordevent.HostState{Incarnation: 1, Seq: 1, Period: time.Second, Status: "active", ClockAhead: ahead, ClockOthers: others})
			a.Seq--
			r.Apply(state, w.Now)
			w.Emit(a, chordevent.NodeLoad{})
			if m := r.Member(a.Self.ID); m.Status != Active || !m.LastEvent.Equal(w.Now) {
				t.Errorf("ahead %v of %d: %v, last event %v, now %v", ahead, others, m.Status, m.LastEvent, w.Now)
			}
		}
	}
}

// TestStatedClocksAreNotLate: a host's clock is ahead, and the host reports it only after some of its members' events
// have arrived. That makes none of its members uncertain, and the fault is listed as long as the clock is off.
func TestStatedClocksAreNotLate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ahead := time.Duration(rapid.IntRange(-5, 600).Draw(t, "seconds ahead")) * time.Second
		r := New(Options{})
		w := ringtest.NewTestRing(160, 3, nil)
		w.Emitted = func(ev *chordevent.Event) {
			at := ev.Time
			if ev.Node.ID == w.Space.FromUint64(200) {
				ev.Time = ev.Time.Add(ahead)
			}
			r.Apply(ev, at)
		}
		for id := range uint64(4) {
			w.Birth(id * 100)
		}
		w.RepairAll()
		off := w.Members[2]
		steps := rapid.IntRange(0, 3).Draw(t, "keyframes before the statement")
		for i := range steps + 5 {
			for _, a := range w.Members {
				w.Keyframe(a)
			}
			if i == steps {
				w.Emit(off, chordevent.HostState{Incarnation: 1, Seq: 1, Period: 10 * time.Second, Status: "active", Members: 1, ClockAhead: ahead, ClockOthers: 3})
				off.Seq-- // a host numbers its own
			}
			for range 9 {
				w.Now = w.Now.Add(time.Second)
				r.Advance(w.Now)
				if v := r.View(); !v.Certainty.All() {
					t.Fatalf("%v ahead, %d s after keyframe %d, stated after %d: %+v", ahead, w.Now.Sub(ringtest.Start)/time.Second, i, steps, v.Certainty)
				}
			}
			if got := len(faultsOf(r, ClockAhead)) == 1; got != (ahead > maxLag) {
				t.Fatalf("%v ahead, after keyframe %d, stated after %d: %+v", ahead, i, steps, r.View().Faults)
			}
		}
	})
}
