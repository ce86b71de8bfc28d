package simtest

// gatedSeeds fail by what is known. They are faults to be repaired: docs/promises.md lists them for readers. They are not
// run, but by -ungated or -seed.
var gatedSeeds = map[uint64]string{
	103: "identifiers of 3 bits, memory limits, loss, clocks that differ by seconds: two members claim one range without end",
	164: "r=1, R=1 on two hosts, memory limits, loss, a partition, leaves at once: a key is gone",
	187: "r=1, R=1 on two hosts, memory limits, clocks that differ by seconds, leaves at once: older values of two keys stand at the end",
	229: "owners crash at R=2, unequal memory limits, loss, pauses: a key is gone",
	238: "R=1, identifiers of 8 bits, unequal memory limits, a partition in three, nearly all leave: a key is gone",
}

// gatedOrphans are seeds of TestOrphansFindEachOther that are 2 to 4 s late since members ask all that they have known before
// they take a range over.
var gatedOrphans = []uint64{7, 12}
