//go:build race

package simtest

// A simulated world runs one task at a time: the race detector has little to find in it and makes it ten times slower,
// so `make test` runs a few schedules under it and most of them without.
const (
	defaultSeeds   = 6
	defaultStories = 3
)

// several is how many of n schedules run under the race detector.
func several(n int) int { return min(n, max(2, n/6)) }
