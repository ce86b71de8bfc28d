package main

import (
	"math/rand/v2"
	"slices"
)

// draw returns the mutants in a random order in which directories and operators alternate, so that any first part of the
// order has mutants of each.
func draw(all []mutant, dirOf func(mutant) string, seed uint64) []mutant {
	r := rand.New(rand.NewPCG(seed, 0))
	type class struct{ dir, operator string }
	byClass := map[class][]mutant{}
	var classes []class
	for _, m := range all {
		c := class{dirOf(m), m.operator}
		if byClass[c] == nil {
			classes = append(classes, c)
		}
		byClass[c] = append(byClass[c], m)
	}
	for _, c := range classes {
		of := byClass[c]
		r.Shuffle(len(of), func(i, j int) { of[i], of[j] = of[j], of[i] })
	}
	r.Shuffle(len(classes), func(i, j int) { classes[i], classes[j] = classes[j], classes[i] })
	drawn := make([]mutant, 0, len(all))
	for turn := 0; len(drawn) < len(all); turn++ {
		for _, c := range classes {
			if turn < len(byClass[c]) {
				drawn = append(drawn, byClass[c][turn])
			}
		}
	}
	return slices.Clip(drawn)
}
