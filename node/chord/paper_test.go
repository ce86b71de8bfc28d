package chord_test

import (
	"slices"
	"testing"

	"chordconductor/node/chord"
)

// paperRing is the example of ToN figures 3 and 4: m = 6, ten members.
var paperRing = []uint64{1, 8, 14, 21, 32, 38, 42, 48, 51, 56}

func TestFingersOfTheExample(t *testing.T) { // ToN figure 4(a)
	s := space(t, 6)
	f := idealFingers(s, s.FromUint64(8), idealRing(s, 3, paperRing...))
	want := []chord.Run{{0, 2, peer(s, 14)}, {3, 3, peer(s, 21)}, {4, 4, peer(s, 32)}, {5, 5, peer(s, 42)}}
	if !slices.Equal(f.Runs(), want) {
		t.Errorf("fingers of 8: %v, want %v", f.Runs(), want)
	}
}

func TestKeysOfTheExample(t *testing.T) { // ToN figure 3
	s := space(t, 6)
	for key, owner := range map[uint64]uint64{10: 14, 24: 32, 30: 32, 38: 38, 54: 56, 57: 1, 0: 1, 1: 1} {
		for i, id := range paperRing {
			before := paperRing[(i+len(paperRing)-1)%len(paperRing)]
			if owns := chord.Owns(s.FromUint64(before), s.FromUint64(key), s.FromUint64(id)); owns != (id == owner) {
				t.Errorf("member %d owns key %d: %v", id, key, owns)
			}
		}
	}
}

// lookup follows the best hops from one member to a key's owner and returns the members visited, the owner last.
func lookup(t *testing.T, s chord.Space, ring []chord.State, from, key uint64) []uint64 {
	t.Helper()
	path := []uint64{from}
	at := peer(s, from)
	for range len(ring) + 1 {
		i := slices.IndexFunc(ring, func(st chord.State) bool { return st.Self == at })
		hops, final := chord.NextHops(ring[i], idealFingers(s, at.ID, ring), s.FromUint64(key), nil, 1)
		if len(hops) != 1 {
			t.Fatalf("lookup of %d at member %d: %d hops", key, path[len(path)-1], len(hops))
		}
		at = hops[0].Peer
		for _, id := range paperRing {
			if s.FromUint64(id) == at.ID {
				path = append(path, id)
			}
		}
		if final {
			return path
		}
	}
	t.Fatalf("lookup of %d from %d does not end: %v", key, from, path)
	return nil
}

func TestLookupOfTheExample(t *testing.T) { // ToN figure 4(b)
	s := space(t, 6)
	want := []uint64{8, 42, 51, 56}
	if got := lookup(t, s, idealRing(s, 1, paperRing...), 8, 54); !slices.Equal(got, want) {
		t.Errorf("lookup(54) from 8 goes %v, want %v", got, want)
	}
	// A list of two shows 42 that 51 precedes the key, which its fingers show too; the path does not become longer.
	if got := lookup(t, s, idealRing(s, 2, paperRing...), 8, 54); !slices.Equal(got, want) {
		t.Errorf("lookup(54) from 8 with r = 2 goes %v, want %v", got, want)
	}
}

func TestEveryLookupOfTheExampleIsRight(t *testing.T) {
	s := space(t, 6)
	for r := 1; r <= 4; r++ {
		ring := idealRing(s, r, paperRing...)
		for _, from := range paperRing {
			for key := range uint64(64) {
				path := lookup(t, s, ring, from, key)
				at, _ := slices.BinarySearch(paperRing, key)
				if want := paperRing[at%len(paperRing)]; path[len(path)-1] != want {
					t.Fatalf("r = %d: lookup(%d) from %d ends at %v, want %d", r, key, from, path, want)
				}
			}
		}
	}
}
