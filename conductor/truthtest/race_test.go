//go:build race

package truthtest

// Under the race detector virtual time is some twenty times slower, so fewer seeds are run. Without it all of them are.
const defaultSeeds = 2
