package main

import (
	"fmt"
	"math/rand/v2"

	"chordconductor/node/chord"
)

// A PathLength is one point of ToN figure 10: the hops of lookups of random keys from random members of rings at rest.
type PathLength struct {
	Exponent int       // of N = 2^Exponent members
	Hops     Stat      // by fingers alone
	Shares   []float64 // of lookups with 0, 1, 2, … hops, in percent
	Lists    Stat      // the hops by fingers and successor lists of eight, as the program has them
}

func (p PathLength) Half() float64 { return float64(p.Exponent) / 2 }

const shippedList = 8 // entries of a successor list, by default

// measurePathLength uses several rings, more of them the smaller they are, since a small ring varies more.
func measurePathLength(exponent, lookups int, seed uint64) PathLength {
	n := 1 << exponent
	rings := min(max(1<<14/n, 2), lookups)
	var alone, lists sample
	for ring := range uint64(rings) {
		peers := somePeers(n, seed+ring)
		for _, of := range []struct {
			entries int
			hops    *sample
		}{{1, &alone}, {min(shippedList, n-1), &lists}} {
			g := newRest(circle, peers, of.entries)
			r := rand.New(rand.NewPCG(seed+ring, uint64(exponent)))
			for range lookups / rings {
				add(of.hops, g.lookup(r.IntN(n), randomKey(r), nil).hops)
			}
		}
	}
	return PathLength{exponent, alone.stat(), alone.shares(), lists.stat()}
}

// circle is the identifier circle of all experiments: SHA-1's.
var circle = func() chord.Space {
	space, err := chord.NewSpace(chord.MaxBits)
	if err != nil {
		panic(err) // MaxBits is in range
	}
	return space
}()

// somePeers are members with hashed identifiers, each on a host of its own.
func somePeers(n int, seed uint64) []chord.Peer {
	peers := make([]chord.Peer, n)
	for i := range peers {
		addr := fmt.Sprintf("host-%d-%d:7001", seed, i)
		peers[i] = chord.Peer{ID: circle.MemberID(addr, 0), Addr: addr, Incarnation: 1}
	}
	return peers
}

func randomKey(r *rand.Rand) chord.ID {
	return circle.Hash(fmt.Append(nil, "key ", r.Uint64()))
}
