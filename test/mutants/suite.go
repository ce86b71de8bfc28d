package main

import (
	"path"
	"strings"
)

// A suite is a part of the program and the tests that must notice a change of it, the cheapest first.
type suite struct {
	name   string
	dirs   []string
	named  []named
	stages func(dir string) []stage // of one directory
}

// A stage is one run of go test.
type stage struct {
	name string
	args []string
}

func (s stage) String() string { return "go test " + strings.Join(s.args, " ") }

var suites = []suite{
	{
		name:  "node",
		dirs:  []string{"node/chord", "node/member", "node/keeper"},
		named: nodeRules,
		stages: func(dir string) []stage {
			own := []string{"./" + dir}
			if dir == "node/member" {
				own = append(own, "-skip", "TestFlashCrowd|TestRing$|TestRandomScenarios|TestSameSeedSameRun|TestLookupsGoRound")
			}
			all := []stage{
				{path.Base(dir), own},
				{"a few rings", []string{"./node/simtest", "-run", "TestGracefulLeaves|TestReadsDuringMoves|TestCrashInAMove|TestMemoryLimit|TestLifetimes$|TestLimitsAndLastHost|TestCallsAtRest|TestAdjacentCrashes|TestReplicasAreTheFirstHosts|TestTwoMembers"}},
				{"random plans", []string{"./node/simtest", "-run", "TestRandomPlans", "-seeds", "40", "-shrink", "0"}},
			}
			switch dir {
			case "node/chord":
				all = append(all, stage{"modelcheck", []string{"./node/chord/modelcheck"}})
			case "node/member":
				all = append(all, stage{"member, at length", []string{"./node/member"}})
			}
			return append(all, stage{"simtest", []string{"./node/simtest", "-skip", "TestRandomPlans|TestDrawn|TestEvery|TestSettings|OverGRPC"}})
		},
	},
}
