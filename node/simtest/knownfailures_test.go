package simtest

// knownFailures are random plans that fail because of known faults, with what each shows. docs/promises.md lists them
// for readers. They run only with -ungated or -seed. There are none.
var knownFailures = map[uint64]string{}
