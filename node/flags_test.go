package main

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"chordconductor/node/member"
)

// TestFlagsAcceptWhatIsValid: the command line accepts a setting exactly if member.Config.Validate does, which is what
// the random schedules of node/simtest are drawn by.
func TestFlagsAcceptWhatIsValid(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	around := func(edges ...int) int { return edges[r.IntN(len(edges))] + r.IntN(3) - 1 }
	accepted := 0
	for range 3000 {
		bits, successors := around(0, 3, 8, 160), around(0, 2, member.MaxSuccessors)
		replicas, virtual := around(0, 2, 10, member.MaxReplicas), around(0, 2, 4, member.MaxVirtualNodes, 1000)
		o := new(options)
		if err := newRoot(new(ending), o).ParseFlags([]string{fmt.Sprintf("--bits=%d", bits), fmt.Sprintf("--successors=%d", successors),
			fmt.Sprintf("--replicas=%d", replicas), fmt.Sprintf("--virtual-nodes=%d", virtual)}); err != nil {
			t.Fatal(err)
		}
		given := bits != 0 && successors != 0 && replicas != 0 // the zero value of a Config stands for the default
		want := given && member.Config{Bits: bits, Successors: successors, Replicas: replicas}.Validate("127.0.0.1:7001", virtual) == nil
		if got := o.check() == nil; got != want {
			t.Fatalf("bits %d, successors %d, replicas %d, virtual nodes %d: flags accept %v (%v), members %v",
				bits, successors, replicas, virtual, got, o.check(), want)
		}
		if want {
			accepted++
		}
	}
	if accepted < 200 {
		t.Errorf("only %d of 3000 settings were accepted", accepted)
	}
}
