package ring

import (
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"

	"chordconductor/conductor/ring/ringtest"
	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

func openConditions(v *View) []string {
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
	a, cause := w.Members[2], trace.TraceID{7}
	good := a.State.Succ
	ev := w.Event(a, chordevent.SuccessorsChanged{Successors: ringtest.Refs([]chord.Peer{good[1], good[0]})})
	ev.Trace = cause
	r.Apply(ev, w.Now)
	v := r.View()
	if got := openConditions(v); !slices.Equal(got, []string{chord.OrderedSuccessorLists}) || v.Status != Violated {
		t.Fatalf("%v, %s", got, v.Status)
	}
	if x := v.Violations[0]; x.Trace != cause || !x.Since.Equal(w.Now) || !slices.Equal(x.Members, []chord.ID{a.Self.ID}) || x.Detail == "" {
		t.Errorf("%+v", x)
	}
	w.SetSucc(a, good)
	v = r.View()
	if x := v.Violations[0]; len(v.Violations) != 1 || !x.Healed.Equal(w.Now) || x.Trace != cause || v.Status != Ideal {
		t.Errorf("%s, %+v", v.Status, v.Violations)
	}
}

func TestGlobalConditionsHaveGrace(t *testing.T) {
	r := New(Options{Base: time.Second})
	w := settled(t, r, 6)
	cause := trace.TraceID{9}
	// Every member skips the next one: two rings of three.
	for i, a := range w.Members {
		list := []chord.Peer{w.Members[(i+2)%6].Self, w.Members[(i+4)%6].Self}
		ev := w.Event(a, chordevent.SuccessorsChanged{Successors: ringtest.Refs(list)})
		ev.Trace = cause
		r.Apply(ev, w.Now)
	}
	since := w.Now
	r.Advance(w.Now)
	if v := r.View(); v.Status != Repairing || len(v.Violations) != 0 {
		t.Errorf("within grace: %s, %v", v.Status, v.Violations)
	}
	w.Now = w.Now.Add(2 * time.Second)
	r.Advance(w.Now)
	v := r.View()
	if got := openConditions(v); !slices.Equal(got, []string{chord.EnoughPrincipals, chord.OneOrderedRing}) || v.Status != Violated {
		t.Fatalf("%v, %s", got, v.Status)
	}
	for _, x := range v.Violations {
		if x.Trace != cause || !x.Since.Equal(since) || len(x.Members) == 0 {
			t.Errorf("%+v", x)
		}
	}
	w.RepairAll()
	r.Advance(w.Now)
	if v := r.View(); v.Status != Ideal || len(openConditions(v)) != 0 || len(v.Violations) != 2 || v.Violations[0].Healed.IsZero() {
		t.Errorf("%s, %v", v.Status, v.Violations)
	}
}

// TestNothingIsConcludedOfTheUncertain breaks a list whose owner has lost an event.
func TestNothingIsConcludedOfTheUncertain(t *testing.T) {
	r := New(Options{})
	w := settled(t, r, 6)
	for i, a := range w.Members {
		if i%2 == 0 {
			a.Seq++ // lost
		}
		w.SetSucc(a, []chord.Peer{w.Members[(i+2)%6].Self, w.Members[(i+4)%6].Self})
	}
	w.Now = w.Now.Add(2 * time.Second)
	r.Advance(w.Now)
	w.Now = w.Now.Add(2 * time.Second)
	r.Advance(w.Now)
	if v := r.View(); v.Status != Ideal || v.Certainty.Count != 3 || len(v.Violations) != 0 || v.Counts.Missing != 3 {
		t.Errorf("%s, %v, %+v", v.Status, v.Violations, v.Counts)
	}
}

func TestHealedViolationsAreBounded(t *testing.T) {
	r := New(Options{})
	w := settled(t, r, 6)
	a := w.Members[2]
	good := a.State.Succ
	for range 3 * maxHealed {
		w.SetSucc(a, []chord.Peer{good[0], good[0]})
		w.SetSucc(a, good)
	}
	if v := r.View(); len(v.Violations) != maxHealed || v.Violations[0].Condition != chord.NoDuplicates {
		t.Errorf("%d violations", len(v.Violations))
	}
}

// TestYoungRingIsForming breaks a global condition in a ring whose members have all just started, and in the same ring
// when it is older.
func TestYoungRingIsForming(t *testing.T) {
	const base = time.Second
	r := New(Options{Base: base})
	w := ringtest.NewTestRing(160, 2, func(ev *chordevent.Event) {
		ev.Node.Incarnation += ringtest.Start.UnixNano()
		if body, ok := ev.Body.(chordevent.SuccessorsChanged); ok {
			for i := range body.Successors {
				body.Successors[i].Incarnation += ringtest.Start.UnixNano()
			}
		}
		r.Apply(ev, ev.Time)
	})
	for id := range uint64(6) {
		w.Birth(id * 100)
	}
	for i, a := range w.Members {
		w.SetSucc(a, []chord.Peer{w.Members[(i+2)%6].Self, w.Members[(i+4)%6].Self})
	}
	for age := time.Duration(0); age < 30*base; age += 5 * base {
		w.Now = ringtest.Start.Add(age)
		r.Advance(w.Now)
		if v := r.View(); v.Status != Forming || len(v.Violations) != 0 {
			t.Fatalf("%v old: %s, %v", age, v.Status, v.Violations)
		}
		for _, a := range w.Members { // they still emit events
			w.Emit(a, chordevent.NodeLoad{Load: chordevent.Load{Gets: int64(age)}})
		}
	}
	w.Now = ringtest.Start.Add(31 * base)
	r.Advance(w.Now)
	if v := r.View(); v.Status != Violated || len(v.Violations) == 0 {
		t.Errorf("31 s old: %s, %v", v.Status, v.Violations)
	}
}
