//go:build race

package sim

// raceDetector: under it virtual time is some twenty times slower: there one scenario is enough. `make test` runs all
// of them without it.
const raceDetector = true
