package simtest

// gatedSeeds are random plans that fail by what is known, with what each shows: faults to be repaired. docs/promises.md
// lists them for readers. They are not run, but by -ungated or -seed. None is known.
var gatedSeeds = map[uint64]string{}
