//go:build race

package run

// raceDetector makes virtual time some twenty times slower, so one scenario is enough. `make test` runs all of them
// without it.
const raceDetector = true
