package ring

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"chordconductor/conductor/encoding"
	"chordconductor/conductor/ring/ringtest"
	"chordconductor/otel/chordevent"
)

// printAll prints all of a view except what Restore does not keep: when a member last changed.
func printAll(r *Ring) string {
	v := *r.View()
	s := printView(r, allMembers)
	v.Members, v.Moves = nil, nil
	return s + fmt.Sprintf("%+v", v)
}

// TestCheckpointAndEventsAfterMakeTheSameView restores in the middle of a random run, with its passage of time and its
// losses, and continues with both rings.
func TestCheckpointAndEventsAfterMakeTheSameView(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		_, events := randomRun(t)
		r := New(Options{Name: "test"})
		at := rapid.IntRange(0, len(events)-1).Draw(t, "checkpoint before")
		now := ringtest.Start
		var restored *Ring
		for i, ev := range events {
			if i == at {
				c := r.Checkpoint()
				var err error
				if restored, err = Restore(Options{Name: "test"}, c); err != nil {
					t.Fatal(err)
				}
				if again := restored.Checkpoint(); string(again) != string(c) {
					t.Fatalf("a checkpoint of what was restored differs")
				}
				compareAll(t, "restored", r, restored)
			}
			if rapid.IntRange(0, 9).Draw(t, "lost") == 0 {
				continue
			}
			now = now.Add(time.Duration(rapid.IntRange(0, 20_000).Draw(t, "milliseconds")) * time.Millisecond)
			advance := rapid.Bool().Draw(t, "advance")
			for _, r := range []*Ring{r, restored} {
				if r == nil {
					continue
				}
				r.Apply(ev, now)
				if advance {
					r.Advance(now)
				}
			}
			if restored != nil && (i == len(events)-1 || rapid.IntRange(0, 9).Draw(t, "look") == 0) {
				compareAll(t, fmt.Sprintf("after event %d", i), r, restored)
			}
		}
	})
}

func compareAll(t *rapid.T, when string, r, restored *Ring) {
	if got, want := printAll(restored), printAll(r); got != want {
		t.Fatal(when, firstDifference(got, want))
	}
}

func TestRestoreRefusesOtherVersions(t *testing.T) {
	if _, err := Restore(Options{}, []byte{99}); !errors.Is(err, ErrVersion) {
		t.Errorf("version 99: %v", err)
	}
	if _, err := Restore(Options{}, nil); !errors.Is(err, encoding.ErrCorrupt) {
		t.Errorf("nothing: %v", err)
	}
}

// FuzzRestore restores any bytes: the result is an error, or a Ring that works.
func FuzzRestore(f *testing.F) {
	r := New(Options{})
	w := ringtest.NewTestRing(6, 2, func(ev *chordevent.Event) { r.Apply(ev, ev.Time) })
	for id := range uint64(3) {
		w.Birth(id * 20)
	}
	w.Crash(w.Members[0], w.Members[1])
	f.Add(r.Checkpoint())
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Restore(Options{}, data)
		if err != nil {
			return
		}
		r.View()
		r.Advance(r.now.Add(time.Minute))
		r.View()
		if _, err := Restore(Options{}, r.Checkpoint()); err != nil {
			t.Fatal(err)
		}
	})
}
