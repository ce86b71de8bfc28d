package ring

import (
	"runtime"
	"testing"
	"time"

	"chordconductor/conductor/ring/ringtest"
	"chordconductor/internal/yieldtest"
	"chordconductor/otel/chordevent"
)

// Checkpoints take long in large rings, so they yield to other goroutines while they are written and restored. The test
// requires at least half of the yields, since the garbage collector takes some.
func TestCheckpointsLetOthersRun(t *testing.T) {
	for _, members := range []int{640, 1500} {
		r := New(Options{})
		ringtest.NewChurningRing(members, func(ev *chordevent.Event) { r.Apply(ev, ev.Time) })
		var c []byte
		if turns := yieldtest.During(t, func() { c = r.Checkpoint() }); turns < members/64/2 {
			t.Errorf("%d members: other goroutines ran %d times while the checkpoint was written", members, turns)
		}
		var err error
		if turns := yieldtest.During(t, func() { _, err = Restore(Options{}, c) }); err != nil || turns < members/64 {
			t.Errorf("%d members: other goroutines ran %d times while it was restored, %v", members, turns, err)
		}
	}
}

// A View of a ring of which little is known allocates nothing for the unseen members: after a restart there are
// thousands of them, many times a second.
func TestUnseenMembersMakeNoGarbage(t *testing.T) {
	r := New(Options{})
	churning := ringtest.NewChurningRing(4000, func(ev *chordevent.Event) {
		if ev.Node.ID[0]%4 == 0 { // a quarter, by places on the circle
			r.Apply(ev, ev.Time)
		}
	})
	now := churning.Now
	look := func() {
		now = now.Add(time.Millisecond)
		r.Advance(now)
		r.View()
	}
	for range 3 {
		look()
	}
	if unseen := r.View().Counts.Unheard; unseen < 1000 {
		t.Fatalf("%d members are unseen, want many", unseen)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const looks = 20
	for range looks {
		look()
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / looks; each > 64<<10 {
		t.Errorf("a view allocates %d KiB", each>>10)
	}
}
