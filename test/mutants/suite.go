package main

import (
	"path"
	"strings"
)

// A suite is a part of the program and the tests that must notice a change of it, the cheapest first.
type suite struct {
	name  string
	dirs  []string
	named []named
	// stages are those of one directory. quick leaves out all but the directory's own.
	stages func(dir string, quick bool) []stage
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
		stages: func(dir string, quick bool) []stage {
			all := []stage{{path.Base(dir), []string{"-short", "./" + dir}}}
			if quick {
				return all
			}
			if dir == "node/chord" {
				all = append(all, stage{"modelcheck", []string{"-short", "./node/chord/modelcheck"}})
			}
			return append(all,
				stage{"simtest", []string{"-skip", "TestRandomPlans|TestPlan|TestDrawn|TestEvery|TestSettings|OverGRPC", "./node/simtest"}},
				stage{"random plans", []string{"-run", "TestRandomPlans", "./node/simtest", "-seeds", "60", "-shrink", "0"}})
		},
	},
}
