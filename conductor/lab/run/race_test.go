//go:build race

package run

// raceDetector is true if the race detector is on. Virtual time is then some twenty times slower, so one scenario is
// enough. `make test` runs all of them without the detector.
const raceDetector = true
