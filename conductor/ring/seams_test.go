package ring

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"chordconductor/conductor/ring/ringtest"
	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// TestSeamsAreTheOracles compares the seams, which each event updates for at most two owners, with a comparison of all
// owners.
func TestSeamsAreTheOracles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := New(Options{})
		w := ringtest.NewTestRing(6, 2, func(ev *chordevent.Event) { r.Apply(ev, ev.Time) })
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			alive := w.Alive()
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0, 1:
				if len(alive) > 0 {
					w.Own(rapid.SampledFrom(alive).Draw(t, "owner"), w.Space.FromUint64(rapid.Uint64Range(0, 15).Draw(t, "from")))
				}
			case 2:
				if len(alive) > 0 {
					a := rapid.SampledFrom(alive).Draw(t, "owner")
					a.Owned = chordevent.Ownership{}
					w.Emit(a, chordevent.OwnershipChanged{})
				}
			case 3: // a member that emits nothing meanwhile falls silent
				w.Now = w.Now.Add(rapid.SampledFrom([]time.Duration{time.Second, 20 * time.Second}).Draw(t, "pause"))
				r.Advance(w.Now)
			default:
				w.Step(t)
			}
			compareSeams(t, r)
		}
	})
}

func compareSeams(t *rapid.T, r *Ring) {
	var owners []*record
	r.tree.all(func(x *record) {
		switch owns := x.counted && x.owned.val.Owns; {
		case owns:
			owners = append(owners, x)
		case x.seam != closed:
			t.Fatalf("%x owns nothing and has a seam", x.id)
		}
	})
	for i, x := range owners {
		before := owners[(i+len(owners)-1)%len(owners)]
		want := overlap
		if from := x.owned.val.From; from == before.id {
			want = closed
		} else if chord.Between(before.id, from, x.id) {
			want = gap
		}
		if x.seam != want {
			t.Fatalf("the seam of %x behind %x is %d, want %d", x.id, before.id, x.seam, want)
		}
	}
	for key := range r.breaches {
		if s := key.of; s != nil && (key.condition == OwnershipGap && s.seam != gap || key.condition == OwnershipOverlap && s.seam != overlap) {
			t.Fatalf("a breach %s of %x is open, its seam is %d", key.condition, s.id, s.seam)
		}
	}
}
