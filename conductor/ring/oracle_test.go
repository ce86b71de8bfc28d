package ring

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"chordconductor/conductor/ring/ringtest"
	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// TestRingErrorIsTheOracles compares the incremental sums, each member's share and the breaches with what package chord
// computes from full states, after every event.
func TestRingErrorIsTheOracles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := New(Options{})
		w := ringtest.NewTestRing(rapid.SampledFrom([]int{4, 6, 160}).Draw(t, "bits"), rapid.IntRange(1, 4).Draw(t, "r"), func(ev *chordevent.Event) {
			r.Apply(ev, ev.Time)
		})
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			w.Step(t)
			compare(t, w, r)
		}
	})
}

func compare(t *rapid.T, w *ringtest.TestRing, r *Ring) {
	g := w.State()
	each, total := g.RingError(w.Space)
	v := r.View()
	if v.Error != uint64(total) {
		t.Fatalf("ring error %d, want %d %v by the oracle", v.Error, total, each)
	}
	for i, s := range g.States {
		if m := r.Member(s.Self.ID); m.Error != each[i] {
			t.Fatalf("error of %v: %d, want %d by the oracle", s.Self, m.Error, each[i])
		}
	}
	n := len(g.States)
	if n > w.ListLen && (v.Error == 0) != g.Ideal(w.Space) {
		t.Fatalf("error %d, ideal %v", v.Error, g.Ideal(w.Space))
	}
	r.Advance(w.Now)
	want := map[string]bool{}
	for _, s := range g.States {
		for _, b := range chord.ListBreaches(s) {
			want[b.Condition] = true
		}
	}
	if n > w.ListLen {
		for _, b := range g.Breaches(w.ListLen) {
			want[b.Condition] = true
		}
	}
	got := map[string]bool{}
	for key := range r.breaches {
		if c := key.condition; c != OwnershipGap && c != OwnershipOverlap && c != UnderReplicated {
			got[c] = true
		}
	}
	if fmt.Sprint(want) != fmt.Sprint(got) {
		t.Fatalf("breaches %v, want %v by the oracle", got, want)
	}
}

func TestIdealRing(t *testing.T) {
	r := New(Options{})
	w := ringtest.NewTestRing(160, 3, func(ev *chordevent.Event) { r.Apply(ev, ev.Time) })
	if s := r.View().Status; s != Unknown {
		t.Errorf("at first: status %d", s)
	}
	for id := range uint64(3) {
		w.Birth(id * 1000)
	}
	for _, a := range w.Members {
		w.Right(a)
	}
	if v := r.View(); v.Status != Ideal || v.Error != 0 || v.Tolerance != (Tolerance{2, 2, 2}) {
		t.Errorf("three members, r = 3: status %d, error %d", v.Status, v.Error)
	}
	for id := range uint64(5) {
		w.Birth(500 + id*1000)
	}
	r.Advance(w.Now)
	if v := r.View(); v.Status != Repairing {
		t.Errorf("new members without pointers: status %d, error %d", v.Status, v.Error)
	}
	for _, a := range w.Members {
		w.Right(a)
	}
	r.Advance(w.Now)
	v := r.View()
	if v.Status != Ideal || v.Error != 0 || len(v.Violations) != 0 {
		t.Errorf("status %d, error %d, violations %v", v.Status, v.Error, v.Violations)
	}
	if !slices.IsSortedFunc(v.Members, func(a, b *Member) int { return a.ID.Compare(b.ID) }) || len(v.Members) != 8 {
		t.Errorf("%d members, or not in order", len(v.Members))
	}
}
