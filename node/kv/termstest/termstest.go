// Package termstest has a small circle of 64 points, and members, ownerships and their sets of points on it, for tests
// of the key side.
package termstest

import (
	"fmt"

	"pgregory.net/rapid"

	"chordconductor/node/chord"
	"chordconductor/node/kv/terms"
)

const bits = 6

// Space returns the circle.
func Space() chord.Space {
	s, err := chord.NewSpace(bits)
	if err != nil {
		panic(err)
	}
	return s
}

// ID returns a point of the circle.
func ID(n uint64) chord.ID { return Space().FromUint64(n) }

// Peer returns the member at a point, on a host of its own.
func Peer(n uint64) chord.Peer {
	return chord.Peer{ID: ID(n), Addr: fmt.Sprintf("host%d", n), Incarnation: 1}
}

// Ownership returns the ownership of the member at a point, down to another point.
func Ownership(from, to uint64, epoch int64) terms.Ownership {
	return terms.Ownership{Owner: Peer(to), From: ID(from), Epoch: epoch}
}

// DrawOwnership draws an ownership of low epoch.
func DrawOwnership(t *rapid.T) terms.Ownership {
	return Ownership(rapid.Uint64Range(0, 63).Draw(t, "from"), rapid.Uint64Range(0, 63).Draw(t, "to"), rapid.Int64Range(1, 4).Draw(t, "epoch"))
}

// Points returns which of the circle's points an ownership covers.
func Points(o terms.Ownership) (set [64]bool) {
	for n := range set {
		set[n] = o.Covers(ID(uint64(n)))
	}
	return set
}

// Number returns the number of a point: the inverse of ID.
func Number(id chord.ID) int { return int(id[len(id)-1]) }
