//go:build race

package simtest

// A simulated world runs one task at a time, so the race detector finds little in it and makes it ten times slower.
// Therefore `make test` runs a few schedules with the race detector, and most of them without it.
const (
	defaultSeeds   = 6
	defaultStories = 3
)

// several is how many of n schedules run under the race detector.
func several(n int) int { return min(n, max(2, n/6)) }
