//go:build race

package member_test

// Under the race detector simulated worlds are some twenty times slower: there the crowds are smaller and the schedules
// fewer. `make test` runs the full ones without it.
const raceDetector = true
