package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"chordconductor/node/member"
)

// The command line accepts a setting exactly if member.Config.Validate does. node/simtest draws its
// random settings by the same function.
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
		given := bits != 0 && successors != 0 && replicas != 0 // the zero value of a field of Config stands for its default
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

// A token that can be guessed is refused where other machines reach the host, and it is never printed.
func TestControlTokenStrength(t *testing.T) {
	const strong, weak = "4f9c2b7d1e8a6035c7d2e9b1f4a80c36", "chord-demo"
	for _, test := range []struct {
		listen, token string
		demo, refused bool
	}{
		{"0.0.0.0:7001", weak, false, true},
		{"0.0.0.0:7001", weak, true, false},
		{"0.0.0.0:7001", strong, false, false},
		{"0.0.0.0:7001", "", false, false}, // only callers on loopback may send commands
		{"[::]:7001", weak, false, true},
		{":7001", weak, false, true},
		{"10.0.0.1:7001", weak, false, true},
		{"host-a.example:7001", weak, false, true},
		{"127.0.0.1:7001", weak, false, false},
		{"[::1]:7001", weak, false, false},
		{"localhost:7001", weak, false, false},
		{"127.0.0.1:7001 --advertise=10.0.0.1:7001", weak, false, true}, // behind a proxy that forwards calls
	} {
		o := new(options)
		args := append(strings.Fields("--listen="+test.listen), "--control-token="+test.token, "--insecure", fmt.Sprintf("--insecure-demo-token=%v", test.demo))
		if err := newRoot(new(ending), o).ParseFlags(args); err != nil {
			t.Fatal(err)
		}
		err := o.check()
		if (err != nil && strings.Contains(err.Error(), "--control-token")) != test.refused {
			t.Errorf("%v: %v", args, err)
		}
		if err != nil && strings.Contains(err.Error(), weak) {
			t.Errorf("%v: the error shows the token: %v", args, err)
		}
	}
}
