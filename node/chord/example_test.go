package chord_test

import (
	"fmt"
	"log"

	"chordconductor/node/chord"
)

// A ring of three on paper: a first member, two that join, and the rounds of stabilization until each has the right
// neighbours. The functions decide; the caller carries the answers from one member to the other.
func Example() {
	space, err := chord.NewSpace(8) // identifiers 0 to 255
	if err != nil {
		log.Fatal(err)
	}
	const r = 2 // entries of a successor list
	a := chord.Peer{ID: space.FromUint64(50), Addr: "a:7001", Incarnation: 1}
	b := chord.Peer{ID: space.FromUint64(120), Addr: "b:7001", Incarnation: 1}
	c := chord.Peer{ID: space.FromUint64(200), Addr: "c:7001", Incarnation: 1}

	ring := map[chord.Peer]chord.State{a: chord.New(space, a, r)}
	for _, joiner := range []chord.Peer{b, c} {
		ring[joiner] = chord.Join(space, joiner, r, ring[a].Neighbors()) // all of the circle is behind a, as far as a knows
	}
	for range 3 {
		for _, self := range []chord.Peer{a, b, c} {
			m := ring[self]
			next, candidate, follow := chord.HeadAlive(space, m, ring[m.Head()].Neighbors())
			if follow { // the head has a predecessor that is nearer
				next = chord.CandidateAlive(space, next, ring[candidate].Neighbors())
			}
			ring[self] = next
			ring[next.Head()], _ = chord.Rectify(ring[next.Head()], self) // notify; all are alive here, so no ping
		}
	}

	for _, self := range []chord.Peer{a, b, c} {
		m := ring[self]
		fmt.Printf("%s: predecessor %s, successors %s %s\n", self.Addr, m.Pred.Addr, m.Succ[0].Addr, m.Succ[1].Addr)
	}
	all := chord.Observe([]chord.State{ring[a], ring[b], ring[c]})
	_, wrong := all.RingError(space)
	fmt.Println("ring error:", wrong)
	fmt.Println("b owns 77:", chord.Owns(ring[b].Pred.ID, space.FromUint64(77), b.ID))
	hops, final := chord.NextHops(ring[a], chord.Fingers{}, space.FromUint64(77), nil, 1)
	fmt.Println("a looks 77 up at:", hops[0].Peer.Addr, "- its owner:", final)
	// Output:
	// a:7001: predecessor c:7001, successors b:7001 c:7001
	// b:7001: predecessor a:7001, successors c:7001 a:7001
	// c:7001: predecessor b:7001, successors a:7001 b:7001
	// ring error: 0
	// b owns 77: true
	// a looks 77 up at: b:7001 - its owner: true
}
