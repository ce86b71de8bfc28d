package ring

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"chordconductor/conductor/ring/ringtest"
	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// TestOneLateMember has a ring of 171 under repair, in which one member's telemetry stops.
func TestOneLateMember(t *testing.T) {
	r := New(Options{})
	w := ringtest.NewChurningRing(171, func(ev *chordevent.Event) { r.Apply(ev, ev.Time) })
	for i := range 7 {
		w.SetPred(w.At(20*i), w.At(20*i-100).Self)
	}
	late := w.At(90)
	before := r.View()
	if before.Status != Repairing || before.Error < 600 || !before.Certainty.All() || before.ErrorUnknown != 0 {
		t.Fatalf("%s, error %d, %+v", before.Status, before.Error, before.Certainty)
	}
	for range 20 {
		w.Now = w.Now.Add(time.Second)
		for _, a := range w.ByID {
			if a != late {
				w.Keyframe(a)
			}
		}
		r.Advance(w.Now)
	}
	v := r.View()
	if v.Status != Repairing || v.Error < before.Error-20 || v.Error > before.Error {
		t.Errorf("%s, error %d, it was %d", v.Status, v.Error, before.Error)
	}
	// Unknown are its nine pointers, the head of the member before it with the eight entries that copy its list, and
	// the predecessor of the member after it.
	if v.ErrorUnknown != 9+8+1 {
		t.Errorf("%d pointers are unknown", v.ErrorUnknown)
	}
	c := v.Certainty
	if c.State != PartlyCertain || c.Count != 1 || c.Of != 171 || len(c.Members) != 1 {
		t.Fatalf("%+v", c)
	}
	m := c.Members[0]
	if m.ID != late.Self.ID || m.Incarnation != late.Self.Incarnation || m.Host != late.Self.Addr || m.Why != Late || m.Since.Before(ringtest.Start.Add(15*time.Second)) {
		t.Errorf("%+v", m)
	}
	if late.Live = true; r.View() != v {
		t.Error("the view changes though nothing has")
	}
}

// A fate is what happens to the events of one incarnation on their way.
type fate int

const (
	arrives fate = iota // all of them
	stops               // those from some instant on do not
	lacks               // one of them does not
	never               // none does
)

// TestStatusIsOfTheCertainPart lets the events of any members stop, have a gap or never arrive, in any order and twice,
// during crashes and restarts. It compares the fold with package chord's oracle on the members that remain certain.
func TestStatusIsOfTheCertainPart(t *testing.T) {
	seen := map[Status]int{}
	rapid.Check(t, func(t *rapid.T) {
		var events []*chordevent.Event
		w := ringtest.NewTestRing(rapid.SampledFrom([]int{4, 160}).Draw(t, "bits"), rapid.IntRange(1, 4).Draw(t, "r"), func(ev *chordevent.Event) { events = append(events, ev) })
		for id := range rapid.Uint64Range(0, 8).Draw(t, "members") {
			w.Birth(id * 2 % 16)
		}
		w.RepairAll()
		for range rapid.IntRange(0, 30).Draw(t, "steps") {
			w.Step(t)
		}
		fates := make(map[incarnation]fate)
		for _, a := range w.Members {
			fates[incarnation{a.Self.ID, a.Self.Incarnation}] = fate(max(0, rapid.IntRange(-4, int(never)).Draw(t, "fate")))
		}
		var arrived []*chordevent.Event
		numbers := make(map[incarnation]int64)
		for _, ev := range events {
			key := incarnation{ev.Node.ID, ev.Node.Incarnation}
			if fates[key] == stops && ev.Node.Seq > 1 && rapid.IntRange(0, 3).Draw(t, "stops") == 0 {
				numbers[key] = -1
			}
			_, keyframe := ev.Body.(chordevent.State) // replaces what is missing
			if fates[key] == never || numbers[key] < 0 || fates[key] == lacks && (ev.Node.Seq == 2 || keyframe) {
				continue
			}
			arrived = append(arrived, ev)
		}
		r := New(Options{Name: "test"})
		for _, ev := range disorder(t, arrived) {
			r.Apply(ev, w.Now)
		}
		r.Advance(w.Now)
		for range 2 { // those whose telemetry arrives go on, for longer than the staleness bound
			events = nil
			w.Now = w.Now.Add(9 * time.Second)
			for _, a := range w.Alive() {
				switch fates[incarnation{a.Self.ID, a.Self.Incarnation}] {
				case arrives:
					w.Keyframe(a)
				case lacks:
					w.Emit(a, chordevent.NodeLoad{})
				}
			}
			for _, ev := range disorder(t, events) {
				r.Apply(ev, w.Now)
			}
			arrived = append(arrived, events...)
			r.Advance(w.Now)
		}
		r.Advance(w.Now.Add(time.Second))
		seen[compareCertain(t, w, r, fates, arrived)]++
	})
	for _, s := range []Status{Unknown, Ideal, Repairing, Violated} {
		if seen[s] == 0 {
			t.Errorf("no ring was %s: the generator misses it", s)
		}
	}
}

// TestUnseenBehindAFailedHead has a certain member name a member of which no event has arrived, after a head that peers
// have reported dead: the head's own list no longer counts (seed 92 of package truthtest).
func TestUnseenBehindAFailedHead(t *testing.T) {
	r := New(Options{})
	w := settled(t, r, 5)
	hidden := chord.Peer{ID: w.Space.FromUint64(250), Addr: "hidden:1", Incarnation: 5}
	before, failed := w.Members[1], w.Members[2]
	w.Crash(failed, w.Members[3])
	w.SetSucc(before, []chord.Peer{failed.Self, hidden})
	v := r.View()
	if c := v.Certainty; c.Count != 1 || c.Members[0] != (UncertainMember{hidden.ID, 5, "hidden:1", NoEvents, w.Now}) {
		t.Errorf("%+v", c)
	}
}

func disorder(t *rapid.T, events []*chordevent.Event) []*chordevent.Event {
	all := slices.Clone(events)
	if len(all) == 0 {
		return nil
	}
	for range rapid.IntRange(0, len(all)).Draw(t, "duplicates") {
		all = append(all, rapid.SampledFrom(events).Draw(t, "duplicate"))
	}
	return rapid.Permutation(all).Draw(t, "order")
}

// compareCertain checks the view against the members' real states and the events that arrived.
func compareCertain(t *rapid.T, w *ringtest.TestRing, r *Ring, fates map[incarnation]fate, arrived []*chordevent.Event) Status {
	newest := make(map[chord.ID]int64)   // incarnation of which an event arrived
	reported := make(map[chord.ID]int64) // incarnation whose death was reported
	for _, ev := range arrived {
		newest[ev.Node.ID] = max(newest[ev.Node.ID], ev.Node.Incarnation)
		if body, ok := ev.Body.(chordevent.PeerFailed); ok {
			reported[body.Peer.ID] = max(reported[body.Peer.ID], body.Peer.Incarnation)
		}
	}
	var part []chord.State
	for _, a := range w.Alive() {
		if fates[incarnation{a.Self.ID, a.Self.Incarnation}] == arrives {
			part = append(part, a.State)
		}
	}
	g := chord.Observe(part)
	n := len(part)
	each, total := g.RingError(w.Space)
	unknown := func(p chord.Peer) bool {
		return p.Real() && g.Rank(p) < 0 && newest[p.ID] <= p.Incarnation && reported[p.ID] < p.Incarnation
	}
	pointers, entries := 0, 0
	for i, s := range g.States {
		if unknown(s.Pred) {
			pointers++
			each[i] -= n + 1
			total -= n + 1
		}
		if unknown(s.Head()) {
			pointers++
			entries += len(s.Succ) - 1
			wrong := n + 1
			if n > 1 {
				wrong += len(s.Succ) - 1
			} else {
				wrong = each[i] // all but the predecessor's share
				if s.Pred.Real() && g.Rank(s.Pred) < 0 && !unknown(s.Pred) {
					wrong -= n + 1
				}
			}
			each[i] -= wrong
			total -= wrong
		}
	}
	v := r.View()
	if v.Error != uint64(total) || r.sums.unknown != pointers || r.sums.blind != entries {
		t.Fatalf("error %d, %d pointers and %d entries unknown; by the oracle %d, %d and %d", v.Error, r.sums.unknown, r.sums.blind, total, pointers, entries)
	}
	certain := 0
	for _, m := range v.Members {
		if !m.Uncertain && m.Status == Active {
			certain++
			if g.Rank(chord.Peer{ID: m.ID, Addr: m.Host.Address, Incarnation: m.Incarnation}) < 0 {
				t.Fatalf("%x of %d is shown as certain", m.ID, m.Incarnation)
			}
		}
	}
	if certain != n || v.Certainty.Of-v.Certainty.Count != n {
		t.Fatalf("%d members are certain, of %d: %+v", certain, n, v.Certainty)
	}
	// A live member that is not certain is named, if a certain member names it.
	named := make(map[incarnation]Why)
	for _, m := range v.Certainty.Members {
		named[incarnation{m.ID, m.Incarnation}] = m.Why
	}
	for key, why := range named {
		if f, exists := fates[key]; !exists || f == arrives && why != Late {
			t.Fatalf("%x of %d is uncertain because %s", key.id, key.inc, why)
		}
	}
	for _, s := range part {
		for _, p := range append([]chord.Peer{s.Pred}, s.Succ...) {
			if key := (incarnation{p.ID, p.Incarnation}); unknown(p) && named[key] == 0 {
				t.Fatalf("%v is unknown and not named: %v", p, slices.Collect(maps.Keys(named)))
			}
		}
	}
	want := Repairing
	switch violations := openConditions(v); {
	case len(violations) > 0:
		sound(t, w, v)
		want = v.Status // see sound
		if broken := r.View(); broken.Status != Violated && slices.ContainsFunc(violations, func(c string) bool {
			return !local(c) && c != OwnershipGap && c != OwnershipOverlap && c != UnderReplicated
		}) {
			t.Fatalf("%s with %v", v.Status, violations)
		}
	case 2*n == pointers || total == 0 && n == 1 && !v.Certainty.All():
		want = Unknown
	case total == 0:
		want = Ideal
	}
	if v.Status != want {
		t.Fatalf("%s with error %d of %d members, %d of %d pointers unknown, want %s", v.Status, total, n, pointers, 2*n, want)
	}
	return v.Status
}

// sound compares each violation of the view with the ground truth.
func sound(t *rapid.T, w *ringtest.TestRing, v *View) {
	broken := map[string]bool{}
	for _, a := range w.Alive() {
		for _, b := range chord.ListBreaches(a.State) {
			broken[b.Condition+fmt.Sprint(a.Self.ID)] = true
		}
	}
	for _, b := range w.State().Breaches(w.ListLen) {
		broken[b.Condition] = true
	}
	// Nothing is known about members without any event that no certain member names, not even that they exist.
	invisible := slices.ContainsFunc(w.Alive(), func(a *ringtest.Actor) bool {
		m := v.Member(a.Self.ID)
		return (m == nil || m.Incarnation != a.Self.Incarnation) && !slices.ContainsFunc(v.Certainty.Members, func(m UncertainMember) bool {
			return m.ID == a.Self.ID && m.Incarnation == a.Self.Incarnation
		})
	})
	for _, x := range v.Violations {
		if !x.Healed.IsZero() || x.Condition == OwnershipGap || x.Condition == OwnershipOverlap || x.Condition == UnderReplicated {
			continue
		}
		if local(x.Condition) {
			if m := v.Member(x.Members[0]); m.Uncertain || broken[x.Condition+fmt.Sprint(x.Members[0])] {
				continue
			}
		} else if broken[x.Condition] || invisible {
			continue
		}
		t.Fatalf("%s is claimed and not so: %s", x.Condition, x.Detail)
	}
}

// Of thousands of uncertain members, the first by identifier are listed, each once, in whatever order they are found.
func TestFirstUncertain(t *testing.T) {
	random := rand.New(rand.NewPCG(12, 14))
	for range 100 {
		all := make([]UncertainMember, random.IntN(4*maxUncertain))
		for i := range all {
			all[i].ID[random.IntN(2)], all[i].Incarnation = byte(random.IntN(256)), int64(i)
		}
		want := slices.Clone(all)
		slices.SortFunc(want, func(a, b UncertainMember) int {
			return cmp.Or(a.ID.Compare(b.ID), cmp.Compare(a.Incarnation, b.Incarnation))
		})
		if got := firstUncertain(all); !slices.Equal(got, want[:min(len(want), maxUncertain)]) {
			t.Fatalf("of %d members: %v", len(all), got)
		}
	}
}
