//go:build race

package truthtest

// Under the race detector virtual time is some twenty times slower. The whole number is run without it.
const defaultSeeds = 2
