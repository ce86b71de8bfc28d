// Package simtest runs whole rings, keys and all, through random schedules of joins, leaves, crashes, cuts and client
// operations in a simulated world (node/simenv), and judges them by an oracle that sees everything. It consists of tests
// alone. One seed is one run; a failing one is printed with the shortest schedule that still fails:
//
//	go test ./node/simtest                         # some hundred seeds
//	go test ./node/simtest -seeds 5000             # more of them
//	go test ./node/simtest -run Random -seed 1234  # one of them again
package simtest
