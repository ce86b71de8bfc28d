//go:build race

package simtest

// A simulated world runs one task at a time: the race detector has little to find in it and makes it ten times slower,
// so `make test` runs a few schedules under it and the many without.
const defaultSeeds = 6
