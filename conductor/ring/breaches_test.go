package ring

import (
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

func standing(v *View) []string {
	var out []string
	for _, x := range v.Violations {
		if x.Healed.IsZero() {
			out = append(out, x.Condition)
		}
	}
	return out
}

func TestLocalConditionsAreJudgedAtOnce(t *testing.T) {
	r := New(Options{})
	w := settled(t, r, 6)
	a, cause := w.members[2], trace.TraceID{7}
	good := a.state.Succ
	ev := w.event(a, chordevent.SuccessorsChanged{Successors: refs([]chord.Peer{good[1], good[0]})})
	ev.Trace = cause
	r.Apply(ev, w.now)
	v := r.View()
	if got := standing(v); !slices.Equal(got, []string{chord.OrderedSuccessorLists}) || v.Status != Violated {
		t.Fatalf("%v, %s", got, v.Status)
	}
	if x := v.Violations[0]; x.Trace != cause || !x.Since.Equal(w.now) || !slices.Equal(x.Members, []chord.ID{a.self.ID}) || x.Detail == "" {
		t.Errorf("%+v", x)
	}
	w.setSucc(a, good)
	v = r.View()
	if x := v.Violations[0]; len(v.Violations) != 1 || !x.Healed.Equal(w.now) || x.Trace != cause || v.Status != Ideal {
		t.Errorf("%s, %+v", v.Status, v.Violations)
	}
}

func TestGlobalConditionsHaveGrace(t *testing.T) {
	r := New(Options{Base: time.Second})
	w := settled(t, r, 6)
	cause := trace.TraceID{9}
	// Everybody skips the next one: two rings of three.
	for i, a := range w.members {
		list := []chord.Peer{w.members[(i+2)%6].self, w.members[(i+4)%6].self}
		ev := w.event(a, chordevent.SuccessorsChanged{Successors: refs(list)})
		ev.Trace = cause
		r.Apply(ev, w.now)
	}
	since := w.now
	r.Advance(w.now)
	if v := r.View(); v.Status != Repairing || len(v.Violations) != 0 {
		t.Errorf("within grace: %s, %v", v.Status, v.Violations)
	}
	w.now = w.now.Add(2 * time.Second)
	r.Advance(w.now)
	v := r.View()
	if got := standing(v); !slices.Equal(got, []string{chord.EnoughPrincipals, chord.OneOrderedRing}) || v.Status != Violated {
		t.Fatalf("%v, %s", got, v.Status)
	}
	for _, x := range v.Violations {
		if x.Trace != cause || !x.Since.Equal(since) || len(x.Members) == 0 {
			t.Errorf("%+v", x)
		}
	}
	w.repairAll()
	r.Advance(w.now)
	if v := r.View(); v.Status != Ideal || len(standing(v)) != 0 || len(v.Violations) != 2 || v.Violations[0].Healed.IsZero() {
		t.Errorf("%s, %v", v.Status, v.Violations)
	}
}

// TestNothingIsConcludedOfTheUncertain breaks a list whose owner has lost an event.
func TestNothingIsConcludedOfTheUncertain(t *testing.T) {
	r := New(Options{})
	w := settled(t, r, 6)
	for i, a := range w.members {
		if i%2 == 0 {
			a.seq++ // lost
		}
		w.setSucc(a, []chord.Peer{w.members[(i+2)%6].self, w.members[(i+4)%6].self})
	}
	w.now = w.now.Add(2 * time.Second)
	r.Advance(w.now)
	w.now = w.now.Add(2 * time.Second)
	r.Advance(w.now)
	if v := r.View(); v.Status != Uncertain || len(v.Violations) != 0 || v.Counts.Missing != 3 {
		t.Errorf("%s, %v, %+v", v.Status, v.Violations, v.Counts)
	}
}

func TestHealedViolationsAreBounded(t *testing.T) {
	r := New(Options{})
	w := settled(t, r, 6)
	a := w.members[2]
	good := a.state.Succ
	for range 3 * maxHealed {
		w.setSucc(a, []chord.Peer{good[0], good[0]})
		w.setSucc(a, good)
	}
	if v := r.View(); len(v.Violations) != maxHealed || v.Violations[0].Condition != chord.NoDuplicates {
		t.Errorf("%d violations", len(v.Violations))
	}
}

func (w *world) own(a *actor, from chord.ID) {
	a.owned = chordevent.Ownership{Owns: true, From: from, Epoch: a.owned.Epoch + 1}
	w.say(a, chordevent.OwnershipChanged{Ownership: a.owned})
}

// ownAll gives everybody the range up to its predecessor.
func (w *world) ownAll() {
	for _, a := range w.alive() {
		w.own(a, a.state.Pred.ID)
	}
}

func TestSeamsBetweenOwners(t *testing.T) {
	r := New(Options{})
	w := settled(t, r, 6)
	later := func() *View {
		w.now = w.now.Add(1100 * time.Millisecond)
		r.Advance(w.now)
		return r.View()
	}
	w.own(w.members[3], w.members[3].self.ID) // alone, it owns the whole circle
	if v := later(); v.Gaps != 0 || v.Overlaps != 0 {
		t.Errorf("one owner of all: %d gaps, %d overlaps", v.Gaps, v.Overlaps)
	}
	w.ownAll()
	if v := later(); v.Gaps != 0 || v.Overlaps != 0 || len(standing(v)) != 0 {
		t.Errorf("right: %d gaps, %d overlaps, %v", v.Gaps, v.Overlaps, v.Violations)
	}
	a := w.members[3]
	w.own(a, w.space.FromUint64(250))
	if v := r.View(); v.Gaps != 0 {
		t.Error("a gap is reported before its grace is over")
	}
	if v := later(); v.Gaps != 1 || v.Overlaps != 0 || !slices.Equal(standing(v), []string{OwnershipGap}) || v.Status != Ideal {
		t.Errorf("%d gaps, %d overlaps, %v, %s", v.Gaps, v.Overlaps, v.Violations, v.Status)
	}
	w.own(a, w.space.FromUint64(150))
	if v := later(); v.Gaps != 0 || v.Overlaps != 1 || !slices.Equal(standing(v), []string{OwnershipOverlap}) {
		t.Errorf("%d gaps, %d overlaps, %v", v.Gaps, v.Overlaps, v.Violations)
	}
	w.own(a, w.members[2].self.ID)
	w.crash(w.members[4], w.members[3]) // its range is nobody's until the next takes over
	w.repairAll()
	if v := later(); v.Gaps != 1 || v.Overlaps != 0 {
		t.Errorf("%d gaps, %d overlaps", v.Gaps, v.Overlaps)
	}
	w.own(w.members[5], w.members[3].self.ID)
	if v := later(); v.Gaps != 0 || v.Overlaps != 0 || len(standing(v)) != 0 {
		t.Errorf("taken over: %d gaps, %d overlaps, %v", v.Gaps, v.Overlaps, v.Violations)
	}
}
