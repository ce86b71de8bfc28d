// Package simtest runs whole rings with keys through random plans in a simulated world (node/simenv), and verifies them
// by an oracle that observes everything. It contains only tests. A plan is a ring and a schedule of joins, leaves,
// crashes, restarts, partitions, pauses, clock steps and client operations; one seed is one plan and one run.
//
// The space of plans (space_test.go) has dimensions with levels, of which an orthogonal array draws every pair equally
// often; values within the levels are random (draw_test.go). A run must keep the promises of docs/promises.md.
//
//	go test ./node/simtest                                   # some hundred seeds
//	go test ./node/simtest -run RandomPlans -seeds 5000      # more of them
//	go test ./node/simtest -run RandomPlans -seed 1234       # one of them again
//	go test ./node/simtest -run RandomPlans -seed 1234 -key 5 # … and what happens to key 5
//	go test ./node/simtest -run TestPlan -plan 'seed=1 m=…'  # what a failing one prints, shortened
//
// A shortened plan is its ring in one line, and a line for each step:
//
//	seed=1 m=32 r=4 R=2 hosts=3 sizes=1,16,2 keys=1
//	2s put host=0
//	3s crash host=1 n=1
//	4s cut host=0 n=30 for=5s
package simtest
