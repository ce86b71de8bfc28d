package chord_test

import (
	"fmt"
	"testing"

	"chordconductor/node/chord"
)

func space(t testing.TB, bits int) chord.Space {
	t.Helper()
	s, err := chord.NewSpace(bits)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// peer is a member with a small identifier, in its first incarnation.
func peer(s chord.Space, id uint64) chord.Peer { return incarnation(s, id, 1) }

func incarnation(s chord.Space, id uint64, number int64) chord.Peer {
	return chord.Peer{ID: s.FromUint64(id), Addr: fmt.Sprintf("host-%d:7001", id), Incarnation: number}
}

func peers(s chord.Space, ids ...uint64) []chord.Peer {
	out := make([]chord.Peer, len(ids))
	for i, id := range ids {
		out[i] = peer(s, id)
	}
	return out
}

// list is a successor list of the given members, filled up to r with placeholders.
func list(s chord.Space, self uint64, r int, ids ...uint64) []chord.Peer {
	out := peers(s, ids...)
	last := s.FromUint64(self)
	for _, p := range out {
		last = p.ID
	}
	for len(out) < r {
		last = s.Next(last)
		out = append(out, chord.Peer{ID: last})
	}
	return out
}

// idealRing is an ideal ring of members with ascending identifiers.
func idealRing(s chord.Space, r int, ids ...uint64) []chord.State {
	n := len(ids)
	states := make([]chord.State, n)
	for i, id := range ids {
		var next []uint64
		for k := 1; k <= r && k < n; k++ {
			next = append(next, ids[(i+k)%n])
		}
		states[i] = chord.State{Self: peer(s, id), Succ: list(s, id, r, next...)}
		if n > 1 {
			states[i].Pred = peer(s, ids[(i-1+n)%n])
		}
	}
	return states
}

// idealFingers is the finger table that a member has in an ideal ring.
func idealFingers(s chord.Space, self chord.ID, ring []chord.State) chord.Fingers {
	var f chord.Fingers
	for slot := range s.Bits() {
		start := s.FingerStart(self, slot)
		owner := ring[0].Self
		for i, st := range ring {
			if before := ring[(i-1+len(ring))%len(ring)].Self.ID; chord.Owns(before, start, st.Self.ID) {
				owner = st.Self
			}
		}
		if owner.ID == self {
			owner = chord.Peer{}
		}
		f, _ = f.Set(slot, slot, owner)
	}
	return f
}
