package ring

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"chordconductor/conductor/ring/ringtest"
	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// randomRun returns the events that a random ring emits, in order.
func randomRun(t *rapid.T) (*ringtest.TestRing, []*chordevent.Event) {
	var events []*chordevent.Event
	w := ringtest.NewTestRing(rapid.SampledFrom([]int{4, 160}).Draw(t, "bits"), rapid.IntRange(1, 4).Draw(t, "r"), func(ev *chordevent.Event) {
		events = append(events, ev)
	})
	for range rapid.IntRange(1, 50).Draw(t, "steps") {
		w.Step(t)
		if rapid.IntRange(0, 9).Draw(t, "leave") == 0 {
			if alive := w.Alive(); len(alive) > 0 {
				a := rapid.SampledFrom(alive).Draw(t, "leaver")
				w.Emit(a, chordevent.Leaving{})
				w.Emit(a, chordevent.Left{})
				a.Live = false
			}
		}
	}
	return w, events
}

// fold applies events that all arrive at one instant, and lets a little time pass.
func fold(w *ringtest.TestRing, events []*chordevent.Event) *Ring {
	r := New(Options{Name: "test"})
	end := w.Now
	for _, ev := range events {
		r.Apply(ev, end)
	}
	advanceFor(r, end)
	return r
}

func advanceFor(r *Ring, end time.Time) {
	for i := range 4 {
		r.Advance(end.Add(time.Duration(i) * time.Second))
	}
}

// printView prints everything in a view that must not depend on the order in which events arrived.
func printView(r *Ring, keep func(*Member) bool) string {
	v := r.View()
	if n := r.opt.Assertions.Total(); n > 0 {
		panic(fmt.Sprintf("%d assertions failed", n))
	}
	var b strings.Builder
	c := v.Counts
	c.Applied, c.Outdated, c.Refused = 0, 0, 0
	fmt.Fprintln(&b, v.Name, v.Status, v.Error, v.ErrorUnknown, v.Certainty, v.Tolerance, v.Bits, v.ListLen, v.Replicas, v.Gaps, v.Overlaps, v.Short, c)
	for _, m := range v.Members {
		if m := *m; keep(&m) {
			m.Changed = 0
			fmt.Fprintf(&b, "%+v\n", m)
		}
	}
	for _, violation := range v.Violations {
		if violation.Healed.IsZero() {
			violation.Since, violation.Trace = time.Time{}, [16]byte{}
			fmt.Fprintf(&b, "%+v\n", violation)
		}
	}
	for _, m := range v.Moves {
		fmt.Fprintf(&b, "%+v\n", *m)
	}
	return b.String()
}

// firstDifference returns the first line in which two texts differ.
func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return fmt.Sprintf("got\n%s\nwant\n%s", g[i], w[i])
		}
	}
	return fmt.Sprintf("got %d lines, want %d", len(g), len(w))
}

func allMembers(*Member) bool { return true }

// TestAnyOrderAnyDuplicatesSameView shuffles and repeats the events.
func TestAnyOrderAnyDuplicatesSameView(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, events := randomRun(t)
		want := printView(fold(w, events), allMembers)
		again := slices.Clone(events)
		for range rapid.IntRange(0, len(events)).Draw(t, "duplicates") {
			again = append(again, rapid.SampledFrom(events).Draw(t, "duplicate"))
		}
		again = rapid.Permutation(again).Draw(t, "order")
		if got := printView(fold(w, again), allMembers); got != want {
			t.Fatal(firstDifference(got, want))
		}
	})
}

// TestKeyframesMakeUpForLosses drops events, in any order, which each member's keyframe afterwards replaces. It does
// not drop what no keyframe repeats: reports of others' deaths, key moves, and events of members that are gone.
func TestKeyframesMakeUpForLosses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, events := randomRun(t)
		isAlive := func(id chord.ID, inc int64) bool {
			return slices.ContainsFunc(w.Alive(), func(a *ringtest.Actor) bool { return a.Self.ID == id && a.Self.Incarnation == inc })
		}
		kept := slices.Clone(events)
		kept = slices.DeleteFunc(kept, func(ev *chordevent.Event) bool {
			switch ev.Body.(type) {
			case chordevent.PeerFailed, chordevent.KeysMoved:
				return false
			}
			return isAlive(ev.Node.ID, ev.Node.Incarnation) && rapid.Bool().Draw(t, "lost")
		})
		n := len(events)
		w.Emitted = func(ev *chordevent.Event) { events = append(events, ev) }
		for _, a := range w.Alive() {
			w.Keyframe(a)
		}
		kept = rapid.Permutation(append(kept, events[n:]...)).Draw(t, "order")
		exceptFirst := func(m *Member) bool {
			m.FirstEvent = time.Time{} // that event may have been lost
			return true
		}
		full, lossy := fold(w, events), fold(w, kept)
		for _, a := range w.Alive() {
			m := lossy.Member(a.Self.ID)
			if m.Uncertain || m.Missing != 0 {
				t.Fatalf("uncertain after a keyframe: %+v", m)
			}
		}
		if want, got := printView(full, exceptFirst), printView(lossy, exceptFirst); got != want {
			t.Fatal(firstDifference(got, want))
		}
	})
}

// TestSeqSet compares the set of event numbers, which is stored as ranges, with a plain set, in any order of arrival.
func TestSeqSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s seqSet
		seen := map[int64]bool{}
		floor, top := int64(0), int64(0)
		for range rapid.IntRange(1, 40).Draw(t, "n") {
			seq := rapid.Int64Range(1, 30).Draw(t, "seq")
			if has := seen[seq] || seq <= floor; has != s.has(seq) {
				t.Fatalf("has(%d) is %v in %+v", seq, !has, s)
			}
			top = max(top, seq)
			if rapid.IntRange(0, 9).Draw(t, "keyframe") == 0 {
				s.cover(seq)
				floor = max(floor, seq)
			} else if !s.has(seq) {
				s.add(seq)
				seen[seq] = true
			}
			missing := int64(0)
			for k := floor + 1; k <= top; k++ {
				if !seen[k] {
					missing++
				}
			}
			if s.missing() != missing {
				t.Fatalf("missing() is %d, want %d, in %+v", s.missing(), missing, s)
			}
		}
	})
}

// TestSeqSetIsBounded: beyond maxSpans the set drops ranges, so it may count received events as missing, but never a
// missing event as received.
func TestSeqSetIsBounded(t *testing.T) {
	var s seqSet
	for seq := int64(2); seq < 2000; seq += 2 {
		if !s.has(seq) {
			s.add(seq)
		}
		if len(s.spans) > maxSpans || s.missing() < seq/2 {
			t.Fatalf("after %d: %d spans, %d missing", seq, len(s.spans), s.missing())
		}
	}
	s.cover(2000)
	if s.missing() != 0 || len(s.spans) != 0 {
		t.Errorf("after a keyframe: %+v", s)
	}
}
