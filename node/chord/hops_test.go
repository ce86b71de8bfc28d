package chord_test

import (
	"cmp"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"chordconductor/node/chord"
)

// NextHops agrees with a slow implementation of the rules.
func TestNextHopsAgainstTheRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSpace(t)
		r := rapid.IntRange(1, 6).Draw(t, "r")
		state := drawState(t, s, r)
		var f chord.Fingers
		for range rapid.IntRange(0, 5).Draw(t, "fingers") {
			slot := rapid.IntRange(0, s.Bits()-1).Draw(t, "slot")
			f, _ = f.Set(slot, slot, chord.Peer{ID: drawID(t, s, "finger"), Addr: "a:1", Incarnation: 1})
		}
		key := drawID(t, s, "key")
		limit := rapid.IntRange(1, 8).Draw(t, "limit")
		dead := map[chord.ID]bool{}
		for _, p := range state.Live() {
			dead[p.ID] = rapid.Bool().Draw(t, "dead")
		}
		isDead := func(p chord.Peer) bool { return dead[p.ID] }

		hops, final := chord.NextHops(state, f, key, isDead, limit)

		var live []chord.Peer
		for _, p := range state.Live() {
			if !isDead(p) {
				live = append(live, p)
			}
		}
		var want []chord.ID
		switch {
		case len(state.Live()) == 0 && len(f.Runs()) == 0:
			want = []chord.ID{state.Self.ID}
			if !final {
				t.Fatal("a lone member is the owner")
			}
		case len(live) > 0 && chord.Owns(state.Self.ID, key, live[0].ID):
			for _, p := range live {
				want = append(want, p.ID)
			}
			if !final {
				t.Fatalf("the key lies before the first live successor: %v", hops)
			}
		default:
			if final {
				t.Fatalf("no member here is believed to own the key: %v", hops)
			}
			all := live
			for _, run := range f.Runs() {
				all = append(all, run.Peer)
			}
			for _, p := range all {
				if chord.Between(state.Self.ID, p.ID, key) && !isDead(p) {
					want = append(want, p.ID)
				}
			}
			slices.SortFunc(want, func(a, b chord.ID) int {
				return cmp.Or(s.Distance(a, key).Compare(s.Distance(b, key)), a.Compare(b))
			})
			want = slices.Compact(want)
		}
		want = want[:min(len(want), limit)]
		var got []chord.ID
		for _, h := range hops {
			got = append(got, h.Peer.ID)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("hops %x, want %x", got, want)
		}
	})
}

func TestNextHopsNamesPointers(t *testing.T) {
	s := space(t, 6)
	ring := idealRing(s, 3, paperRing...)
	f := idealFingers(s, s.FromUint64(8), ring)
	hops, final := chord.NextHops(ring[1], f, s.FromUint64(36), nil, 9)
	want := []chord.Hop{
		{Peer: peer(s, 32), Pointer: chord.PointerFinger, Slot: 4},
		{Peer: peer(s, 21), Pointer: chord.PointerFinger, Slot: 3},
		{Peer: peer(s, 14), Pointer: chord.PointerFinger, Slot: 0},
	}
	if final || !slices.Equal(hops, want) {
		t.Errorf("hops %v, final %v", hops, final)
	}
	hops, final = chord.NextHops(ring[1], f, s.FromUint64(12), nil, 2)
	want = []chord.Hop{
		{Peer: peer(s, 14), Pointer: chord.PointerSuccessor, Slot: 0},
		{Peer: peer(s, 21), Pointer: chord.PointerSuccessor, Slot: 1},
	}
	if !final || !slices.Equal(hops, want) {
		t.Errorf("hops %v, final %v", hops, final)
	}
	alone := chord.New(s, peer(s, 8), 3)
	hops, final = chord.NextHops(alone, chord.Fingers{}, s.FromUint64(12), nil, 2)
	if !final || !slices.Equal(hops, []chord.Hop{{Peer: alone.Self, Pointer: chord.PointerSelf}}) {
		t.Errorf("alone: hops %v, final %v", hops, final)
	}
}

// A finger to a member's later incarnation replaces the earlier one.
func TestNextHopsPrefersTheLaterIncarnation(t *testing.T) {
	s := space(t, 6)
	state := chord.State{Self: peer(s, 8), Succ: []chord.Peer{peer(s, 14), incarnation(s, 21, 2)}}
	f, _ := chord.Fingers{}.Set(3, 3, peer(s, 21))
	hops, _ := chord.NextHops(state, f, s.FromUint64(30), nil, 2)
	want := []chord.Hop{
		{Peer: incarnation(s, 21, 2), Pointer: chord.PointerSuccessor, Slot: 1},
		{Peer: peer(s, 14), Pointer: chord.PointerSuccessor, Slot: 0},
	}
	if !slices.Equal(hops, want) {
		t.Errorf("hops %v", hops)
	}
	if hops, _ = chord.NextHops(state, f, s.FromUint64(30), nil, 1); !slices.Equal(hops, want[:1]) {
		t.Errorf("one hop: %v", hops)
	}
	dead := func(p chord.Peer) bool { return p == incarnation(s, 21, 2) }
	want[0] = chord.Hop{Peer: peer(s, 21), Pointer: chord.PointerFinger, Slot: 3}
	if hops, _ = chord.NextHops(state, f, s.FromUint64(30), dead, 2); !slices.Equal(hops, want) {
		t.Errorf("the later incarnation dead: %v", hops)
	}
}

func TestNextHopsWhenAllAreDead(t *testing.T) {
	s := space(t, 6)
	ring := idealRing(s, 3, paperRing...)
	all := func(chord.Peer) bool { return true }
	if hops, final := chord.NextHops(ring[1], chord.Fingers{}, s.FromUint64(12), all, 3); len(hops) > 0 || final {
		t.Errorf("hops %v, final %v", hops, final)
	}
}

// If 14 is dead, 21 will own what 14 owns now. A successor list that ends before the key names no owner.
func TestSubstitute(t *testing.T) {
	s := space(t, 6)
	ring := idealRing(s, 3, paperRing...)
	is14 := func(p chord.Peer) bool { return p.ID == s.FromUint64(14) }
	for _, c := range []struct {
		key  uint64
		dead func(chord.Peer) bool
		want uint64 // 0: none
	}{{12, nil, 14}, {12, is14, 21}, {18, nil, 21}, {30, nil, 32}, {33, nil, 0}} {
		routes, key := chord.NewRoutes(ring[1], chord.Fingers{}), s.FromUint64(c.key)
		h, ok := routes.Substitute(&key, c.dead)
		if ok != (c.want != 0) || ok && (h.Peer.ID != s.FromUint64(c.want) || h.Peer != ring[1].Succ[h.Slot]) {
			t.Errorf("key %d: %v, %v; want %d", c.key, h, ok, c.want)
		}
	}
}
