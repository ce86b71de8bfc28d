package modelcheck

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// A run without an end is found exactly where a set of states that lead to each other leaves no act due forever.
func TestEndless(t *testing.T) {
	found := 0
	for seed := range uint64(3000) {
		g := randomSteps(rand.New(rand.NewPCG(seed, 0)))
		var r runs
		for _, steps := range g {
			r.state()
			for _, s := range steps {
				r.step(act{who: s.act, with: -1}, s.to)
			}
		}
		at, _ := r.endless()
		if want := g.endless(); at != want {
			t.Fatalf("seed %d: %v: a run without an end from state %d, want %d", seed, g, at, want)
		}
		if at >= 0 {
			found++
		}
	}
	if found < 300 || found > 2700 {
		t.Errorf("%d of 3,000 graphs have a run without an end", found)
	}
}

type numbered struct {
	act int8
	to  int32
}

// A stepGraph has each state's steps.
type stepGraph [][]numbered

func randomSteps(r *rand.Rand) stepGraph {
	g := make(stepGraph, 1+r.IntN(7))
	acts := 1 + r.IntN(4)
	for i := range g {
		for range r.IntN(4) {
			g[i] = append(g[i], numbered{int8(r.IntN(acts)), int32(r.IntN(len(g)))})
		}
	}
	return g
}

// endless returns the first state of a component that a fair run need not leave, or -1: by definition, without Tarjan.
func (g stepGraph) endless() int32 {
	n := len(g)
	reach := make([][]bool, n) // by one step or more
	for i := range reach {
		reach[i] = make([]bool, n)
		for _, s := range g[i] {
			reach[i][s.to] = true
		}
	}
	for k := range n {
		for i := range n {
			for j := range n {
				reach[i][j] = reach[i][j] || reach[i][k] && reach[k][j]
			}
		}
	}
	for i := range n {
		if !reach[i][i] {
			continue
		}
		in := func(j int32) bool { return reach[i][j] && reach[j][i] }
		due := false
		for a := range int8(4) {
			always, taken := true, false
			for j := range n {
				if in(int32(j)) {
					always = always && slices.ContainsFunc(g[j], func(s numbered) bool { return s.act == a })
					taken = taken || slices.ContainsFunc(g[j], func(s numbered) bool { return s.act == a && in(s.to) })
				}
			}
			due = due || always && !taken
		}
		if !due {
			return int32(i)
		}
	}
	return -1
}
