package ring

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"chordconductor/conductor/ring/ringtest"
	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// TestShortfallsAreTheOracles compares the shortfalls, which events update for the owners that they concern, with a
// check of all owners.
func TestShortfallsAreTheOracles(t *testing.T) {
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
			case 2: // a member that emits nothing meanwhile falls silent
				w.Now = w.Now.Add(rapid.SampledFrom([]time.Duration{time.Second, 20 * time.Second}).Draw(t, "pause"))
				r.Advance(w.Now)
			default:
				w.Step(t)
			}
			compareShortfalls(t, r)
			restored, err := Restore(Options{}, r.Checkpoint())
			if err != nil {
				t.Fatal(err)
			}
			compareShortfalls(t, restored)
		}
	})
}

func compareShortfalls(t *rapid.T, r *Ring) {
	hosts := map[string]bool{}
	r.tree.all(func(x *record) {
		if x.counted && x.status == Active && !x.uncertain {
			hosts[x.host.Address] = true
		}
	})
	needed := int64(min(r.parameters.replicas, len(hosts)))
	r.tree.all(func(x *record) {
		l := x.load.val
		want := x.counted && x.owned.val.Owns && x.status == Active && l.KnownHosts > 0 &&
			(l.KnownHosts < needed || l.OwnedKeys > 0 && l.FullReplicas < needed)
		if _, open := r.breaches[breachKey{UnderReplicated, x}]; x.short != want || open != want {
			t.Fatalf("%x is short: %v, with a breach: %v; want %v, with %+v on %d hosts", x.id, x.short, open, want, l, needed)
		}
	})
}

// TestShortfallIsReported: an owner that knows two hosts, where the view shows three, cannot detect the shortfall
// itself; within 20 s it is a violation, which heals as soon as the owner's replicas are complete.
func TestShortfallIsReported(t *testing.T) {
	r := New(Options{})
	w := ringtest.NewTestRing(6, 2, func(ev *chordevent.Event) { r.Apply(ev, ev.Time) })
	for _, id := range []uint64{10, 30, 50} {
		w.Birth(id)
	}
	at := func(passed time.Duration) *View { // the members emit keyframes
		for end := w.Now.Add(passed); w.Now.Before(end); w.Now = w.Now.Add(time.Second) {
			for _, a := range w.Members {
				w.Keyframe(a)
			}
			r.Advance(w.Now)
		}
		return r.View()
	}
	for i, a := range w.Members {
		a.Load = chordevent.Load{OwnedKeys: 7, KnownHosts: 3, FullReplicas: 3}
		w.Own(a, w.Members[(i+2)%3].Self.ID)
	}
	if v := at(time.Minute); v.Short != 0 || len(shortfalls(v)) != 0 {
		t.Fatalf("all keys are on three hosts: %+v", shortfalls(v))
	}
	blind := w.Members[1]
	blind.Load = chordevent.Load{OwnedKeys: 7, UnderReplicated: 7, KnownHosts: 2, FullReplicas: 2}
	if v := at(5 * time.Second); v.Short != 0 {
		t.Errorf("5 s in which replicas may be in transfer: %+v", shortfalls(v))
	}
	v := at(15 * time.Second)
	found := shortfalls(v)
	if v.Short != 1 || len(found) != 1 || found[0].Members[0] != blind.Self.ID {
		t.Fatalf("20 s after one owner has lost contact with a host: %+v", found)
	}
	if got := found[0].Detail; got != "its 7 keys are on 2 of 3 hosts: it knows 2 of the 3 hosts on the ring" {
		t.Errorf("the violation reads %q", got)
	}
	blind.Load = chordevent.Load{OwnedKeys: 7, UnderReplicated: 1, KnownHosts: 3, FullReplicas: 2}
	if v := at(time.Second); v.Short != 1 || !strings.Contains(shortfalls(v)[0].Detail, "1 are on fewer than 3") {
		t.Errorf("one key is missing on one host: %+v", shortfalls(v))
	}
	blind.Load = chordevent.Load{OwnedKeys: 7, KnownHosts: 3, FullReplicas: 3}
	if v := at(time.Second); v.Short != 0 || shortfalls(v)[0].Healed.IsZero() || !strings.Contains(shortfalls(v)[0].Detail, "1 are on fewer than 3") {
		t.Errorf("replicated again, and the detail is still that of the shortfall: %+v", shortfalls(v))
	}

	// The two remaining hosts cannot hold three replicas: measured by what they can hold, there is no shortfall.
	w.Crash(w.Members[2], w.Members[0])
	w.Members = w.Members[:2]
	for _, a := range w.Members {
		a.Load = chordevent.Load{OwnedKeys: 7, UnderReplicated: 7, KnownHosts: 2, FullReplicas: 2}
	}
	w.Own(w.Members[0], w.Members[1].Self.ID)
	if v := at(time.Minute); v.Short != 0 {
		t.Errorf("two hosts, R = 3: %+v", shortfalls(v))
	}
	w.Members[0].Load.FullReplicas = 1
	if v := at(20 * time.Second); v.Short != 1 {
		t.Errorf("of two hosts, the other lacks keys: %+v", shortfalls(v))
	}
}

func shortfalls(v *View) (found []Violation) {
	for _, violation := range v.Violations {
		if violation.Condition == UnderReplicated {
			found = append(found, violation)
		}
	}
	return found
}

// TestMembersWithoutShortfall: an owner that does not report its replicas, owns nothing, leaves or is uncertain is left
// out.
func TestMembersWithoutShortfall(t *testing.T) {
	for name, change := range map[string]func(w *ringtest.TestRing, a *ringtest.Actor){
		"reports none": func(w *ringtest.TestRing, a *ringtest.Actor) { w.Emit(a, chordevent.NodeLoad{}) },
		"owns nothing": func(w *ringtest.TestRing, a *ringtest.Actor) { w.Emit(a, chordevent.OwnershipChanged{}) },
		"leaves":       func(w *ringtest.TestRing, a *ringtest.Actor) { w.Emit(a, chordevent.Leaving{}) },
		"dies":         func(w *ringtest.TestRing, a *ringtest.Actor) { w.Crash(a, w.Members[1]) },
	} {
		t.Run(name, func(t *testing.T) {
			r := New(Options{})
			w := ringtest.NewTestRing(6, 2, func(ev *chordevent.Event) { r.Apply(ev, ev.Time) })
			for n := range 4 {
				w.Birth(uint64(10 * (n + 1)))
			}
			a := w.Members[0]
			w.Own(a, chord.ID{})
			w.Emit(a, chordevent.NodeLoad{Load: chordevent.Load{OwnedKeys: 1, KnownHosts: 1, FullReplicas: 1}})
			if len(r.breaches) == 0 {
				t.Fatal("nothing is found short before")
			}
			change(w, a)
			for key := range r.breaches {
				if key.condition == UnderReplicated {
					t.Error(fmt.Sprint("still short: ", r.shortfall(key.of)))
				}
			}
		})
	}
}
