package simtest

// gates are levels that are not drawn while a fault that they show is known and not mended. Each names what is missing;
// with -ungated they are drawn.
var gates = []struct{ dimension, level, instead, missing string }{
	{"bits", "3", "16", "two living members of one identifier"},
	{"bits", "4", "16", "two living members of one identifier"},
	{"bits", "8", "16", "two living members of one identifier"},
	{"clocks", "0.7 s", "0.4 s", "the physical clock in a field of its own"},
	{"clocks", "seconds", "right", "the physical clock in a field of its own"},
	{"clocks", "30 s", "right", "the physical clock in a field of its own"},
	{"clocks", "steps", "right", "clocks that step"},
}

// gatedPromises are not asked for while what breaks them is known and not mended.
var gatedPromises = map[promise]string{}

// gatedSeeds fail by what is known and has no level of its own. They are faults to be repaired: docs/promises.md lists
// them for readers. They are not run, but by -ungated or -seed.
var gatedSeeds = map[uint64]string{
	13:  "R=16 of 11 hosts: in order 0.3 s after T",
	106: "R=16 of 12 hosts, loss: in order 0.3 s after T",
	108: "R=16, hosts of 64 members, repeated partitions: in order only 45 s after the last change",
	164: "r=1, R=1 on two hosts, memory limits, loss, a partition, leaves at once: a key is gone",
	204: "crashes, restarts, pauses and loss at R=5: in order only 45 s after the last change",
	251: "R=16, r=2, owners crash, a partition: in order 0.5 s after T",
}

// gatedOrphans are seeds of TestOrphansFindEachOther that are 2 to 4 s late since members ask all that they have known before
// they take a range over.
var gatedOrphans = []uint64{7, 12}

// gated is a point without the levels behind gates.
func gated(at point) point {
	for _, g := range gates {
		if !*ungated && at[g.dimension] == g.level {
			at[g.dimension] = g.instead
		}
	}
	return at
}
