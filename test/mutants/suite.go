package main

import (
	"path"
	"strings"
)

// A suite is a part of the program and the tests that must notice a change of that part, the cheapest tests first.
type suite struct {
	name   string
	dirs   []string
	named  []named
	stages func(dir string) []stage // of one directory
}

// part returns the part of the program that contains a file: a package with the packages below it. The draw takes equal
// numbers of mutants from each part.
func part(file string) string {
	names := strings.SplitN(file, "/", 3)
	return path.Join(names[:min(len(names), 2)]...)
}

// A stage is one run of the tests of a package, a directory, with arguments for its test binary.
type stage struct {
	name string
	dir  string
	args []string
}

func (s stage) String() string { return strings.Join(append([]string{s.dir}, s.args...), " ") }

var suites = []suite{
	{
		name:  "node",
		dirs:  []string{"node/chord", "node/member", "node/kv", "node/kv/hlc", "node/kv/ownership", "node/kv/handoff", "node/kv/replication", "node/kv/terms"},
		named: nodeRules,
		stages: func(dir string) []stage {
			own := stage{path.Base(dir), dir, nil}
			if dir == "node/member" {
				own.args = []string{"-test.skip", "TestFlashCrowd|TestRing$|TestRandomScenarios|TestSameSeedSameRun|TestLookupsGoRound"}
			}
			all := []stage{own}
			if strings.HasPrefix(dir, "node/kv/") {
				all = append(all, stage{"kv", "node/kv", nil})
			}
			all = append(all,
				stage{"a few rings", "node/simtest", []string{"-test.run", "TestGracefulLeaves|TestReadsDuringMoves|TestCrashInAMove|TestMemoryLimit|TestLifetimes$|TestLimitsAndLastHost|TestCallsAtRest|TestAdjacentCrashes|TestReplicasAreTheFirstHosts|TestTwoMembers"}},
				stage{"random plans", "node/simtest", []string{"-test.run", "TestRandomPlans", "-seeds", "40", "-shrink", "0"}},
			)
			switch dir {
			case "node/chord":
				all = append(all, stage{"modelcheck", "node/chord/modelcheck", nil})
			case "node/member":
				all = append(all, stage{"member, at length", "node/member", nil})
			}
			return append(all, stage{"simtest", "node/simtest", []string{"-test.skip", "TestRandomPlans|TestDrawn|TestEvery|TestSettings|OverGRPC"}})
		},
	},
}
