package eventlog

import (
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"chordconductor/conductor/ring"
	"chordconductor/conductor/ring/ringtest"
	"chordconductor/otel/chordevent"
)

// TestFaultsInThePast has two incarnations of a member emit, or two processes send its events, for any time: the past
// has the fault at exactly the instants at which the present had it.
func TestFaultsInThePast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := mustOpen(t, Options{segmentEntries: rapid.SampledFrom([]int{5, 50, 1000}).Draw(t, "segment")})
		w := &witness{ring: ring.New(ring.Options{}), h: h, now: ringtest.Start, seen: map[time.Time]string{}}
		world := ringtest.NewTestRing(160, 2, nil)
		world.Emitted = func(ev *chordevent.Event) {
			w.now = world.Now
			w.apply(ev)
		}
		for id := range uint64(3) {
			world.Birth(id * 100)
		}
		world.RepairAll()
		twice := world.Members[1]
		lower := &ringtest.Actor{Self: twice.Self, State: twice.State, Live: true}
		lower.Self.Incarnation--
		lower.State.Self = lower.Self
		incarnations := rapid.Bool().Draw(t, "two incarnations")
		named := false
		seconds := rapid.IntRange(40, 100).Draw(t, "seconds")
		every := rapid.IntRange(1, 14).Draw(t, "seconds between events")
		for i := range seconds {
			if i%every == 0 {
				for _, a := range world.Members {
					world.Keyframe(a)
				}
				if incarnations {
					world.Keyframe(lower)
				} else { // the numbers of the other process are not new
					copied := world.Event(twice, chordevent.NodeLoad{Load: twice.Load})
					twice.Seq--
					copied.Node.Seq, copied.Instance = 1, "another"
					world.Emitted(copied)
				}
			}
			w.pass(time.Second)
			world.Now = w.now
			named = named || w.ring.View().FaultCounts.Total() > 0
		}
		if !named {
			t.Fatal("no fault is named at all")
		}
		h.Flush()
		instants := slices.SortedFunc(maps.Keys(w.seen), time.Time.Compare)
		for range 20 {
			at := rapid.SampledFrom(instants).Draw(t, "instant")
			if d := differ(print(mustAt(t, h, at)), w.seen[at]); d != "" {
				t.Fatalf("at %s: %s", at, d)
			}
		}
		mustClose(t, h)
	})
}
