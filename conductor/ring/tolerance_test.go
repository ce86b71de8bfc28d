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

// neighbors returns an ideal ring of n members on the given number of hosts, with lists of r entries.
func neighbors(n, r, hosts int) *Ring {
	fold := New(Options{})
	w := ringtest.NewTestRing(160, r, func(ev *chordevent.Event) {
		ev.Host.Address = fmt.Sprintf("host-%d", int(ev.Node.ID[19])%hosts)
		fold.Apply(ev, ev.Time)
	})
	for id := range uint64(n) {
		w.Birth(id)
	}
	w.RepairAll()
	w.OwnAll()
	fold.Advance(w.Now)
	return fold
}

func TestTolerance(t *testing.T) {
	for _, test := range []struct {
		members, r, hosts int
		want              Tolerance
	}{
		{5, 8, 5, Tolerance{4, 2, 2}},
		{8, 8, 1, Tolerance{7, 0, 0}}, // all on one host
		{9, 8, 9, Tolerance{8, 2, 2}}, // lists name all others
		{10, 8, 10, Tolerance{7, 2, 2}},
		{32, 8, 2, Tolerance{7, 1, 1}},
		{1, 8, 1, Tolerance{0, 0, 0}},
		{2, 8, 2, Tolerance{1, 1, 1}},
		{6, 1, 6, Tolerance{0, 2, 0}},
	} {
		v := neighbors(test.members, test.r, test.hosts).View()
		if v.Status != Ideal || !v.Certainty.All() || v.Tolerance != test.want {
			t.Errorf("%d members, r %d, R 3, %d hosts: %s, %+v, want %+v", test.members, test.r, test.hosts, v.Status, v.Tolerance, test.want)
		}
	}
	if v := New(Options{}).View(); v.Tolerance != (Tolerance{}) {
		t.Errorf("of nothing: %+v", v.Tolerance)
	}
}

// TestToleranceFallsWithReplicas reports missing replicas.
func TestToleranceFallsWithReplicas(t *testing.T) {
	r := New(Options{})
	w := settled(t, r, 6)
	w.OwnAll()
	report := func(keys, full int64) int {
		w.Emit(w.Members[2], chordevent.NodeLoad{Load: chordevent.Load{OwnedKeys: keys, KnownHosts: 6, FullReplicas: full}})
		return r.View().Tolerance.Keys
	}
	for _, test := range []struct {
		keys, full int64
		want       int
	}{{7, 3, 2}, {7, 2, 1}, {0, 0, 2}, {7, 1, 0}, {7, 0, 0}, {7, 3, 2}} {
		if got := report(test.keys, test.full); got != test.want {
			t.Errorf("%d keys, all of them on %d hosts: %d, want %d", test.keys, test.full, got, test.want)
		}
	}
}

// TestToleranceHolds has as many members, and hosts, fail as the view's tolerance allows, whichever they are: every
// remaining member keeps a live successor. With one member more, some choice leaves a member without one.
func TestToleranceHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := New(Options{})
		hosts := rapid.IntRange(1, 6).Draw(t, "hosts")
		host := func(id chord.ID) string { return fmt.Sprint("host-", int(id[19])%hosts) }
		w := ringtest.NewTestRing(160, rapid.IntRange(1, 4).Draw(t, "r"), func(ev *chordevent.Event) {
			ev.Host.Address = host(ev.Node.ID)
			r.Apply(ev, ev.Time)
		})
		for id := range rapid.Uint64Range(1, 7).Draw(t, "members") {
			w.Birth(id)
		}
		w.RepairAll()
		for range rapid.IntRange(0, 6).Draw(t, "steps") {
			w.Step(t)
		}
		alive := w.Alive()
		v := r.View()
		failed := func(fails func(*ringtest.Actor) bool) (stranded bool) {
			left := slices.DeleteFunc(slices.Clone(alive), fails)
			for _, a := range left {
				stranded = stranded || len(left) > 1 && !slices.ContainsFunc(a.State.Succ, func(p chord.Peer) bool {
					return slices.ContainsFunc(left, func(b *ringtest.Actor) bool { return b != a && b.Self == p })
				})
			}
			return stranded
		}
		worst := make([]bool, len(alive)+1) // by how many members fail: some choice of them leaves a member without a live successor
		for set := range 1 << len(alive) {
			n := 0
			fails := func(a *ringtest.Actor) bool { return set>>slices.Index(alive, a)&1 == 1 }
			for _, a := range alive {
				if fails(a) {
					n++
				}
			}
			worst[n] = worst[n] || failed(fails)
		}
		most := 0
		for most+1 < len(alive) && !worst[most+1] {
			most++
		}
		if got := v.Tolerance.Pointers; got != most && !worst[0] {
			t.Fatalf("the view's tolerance is %d members; want %d", got, most)
		}
		for set := range 1 << hosts {
			n := 0
			on := map[string]bool{}
			for h := range hosts {
				if set>>h&1 == 1 && slices.ContainsFunc(alive, func(a *ringtest.Actor) bool { return host(a.Self.ID) == fmt.Sprint("host-", h) }) {
					n++
					on[fmt.Sprint("host-", h)] = true
				}
			}
			if n <= v.Tolerance.Hosts && !worst[0] && failed(func(a *ringtest.Actor) bool { return on[host(a.Self.ID)] }) {
				t.Fatalf("the view's tolerance is %d hosts; the failure of %v breaks the ring", v.Tolerance.Hosts, on)
			}
		}
	})
}
