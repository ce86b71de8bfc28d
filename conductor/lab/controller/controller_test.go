package controller

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"chordconductor/conductor/lab/deploy"
	"chordconductor/conductor/lab/deploy/deploytest"
	"chordconductor/conductor/lab/judge"
	"chordconductor/conductor/lab/run"
	"chordconductor/conductor/lab/runtime"
	"chordconductor/conductor/lab/scenario"
	"chordconductor/conductor/ring"
	"chordconductor/node/chord"
)

func parse(t *testing.T, source string) *scenario.Scenario {
	t.Helper()
	s, err := scenario.Parse("test", []byte(source))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestControllerWithoutARing(t *testing.T) {
	l := New(Config{Sources: run.Sources{View: func() *ring.View { return &ring.View{} }, Watch: judge.NewWatch()}})
	defer l.Close(t.Context())
	if err := l.StartSimulation(parse(t, "name: x")); !errors.Is(err, deploy.ErrConflict) {
		t.Errorf("a scenario on no ring: %v", err)
	}
	if err := l.StartSimulation(parse(t, "ring: {members: 3}")); !errors.Is(err, deploy.ErrConflict) {
		t.Errorf("a ring where none can be started: %v", err)
	}
	if _, err := l.AddNodes(t.Context(), 1, ""); !errors.Is(err, deploy.ErrConflict) {
		t.Errorf("a node: %v", err)
	}
	if err := l.StopSimulation(t.Context()); !errors.Is(err, deploy.ErrConflict) {
		t.Errorf("stopping nothing: %v", err)
	}
	if st := l.Simulation(); st.Control || st.Running || l.Result() != nil {
		t.Errorf("state %+v", st)
	}
}

func TestPartitionMustNotSplitAHost(t *testing.T) {
	f := deploytest.NewPaper("a", "b", "c")
	f.List[0].Members = append(f.List[0].Members, deploy.Member{ID: deploytest.ID(77), Joined: true})
	l := New(Config{Sources: run.Sources{View: func() *ring.View { return &ring.View{} }, Watch: judge.NewWatch()}, Remote: f})
	defer l.Close(t.Context())
	if _, err := l.Partition(t.Context(), [][]chord.ID{{deploytest.ID(1)}, {deploytest.ID(77)}}); !errors.Is(err, deploy.ErrInvalid) || !strings.Contains(err.Error(), "host a") {
		t.Errorf("one host on two sides: %v", err)
	}
	if _, err := l.Partition(t.Context(), [][]chord.ID{{deploytest.ID(99)}}); !errors.Is(err, deploy.ErrUnknown) {
		t.Errorf("an unknown member: %v", err)
	}
	ids, err := l.Partition(t.Context(), [][]chord.ID{{deploytest.ID(1), deploytest.ID(77)}})
	if err != nil || len(ids) != 2 || fmt.Sprint(f.Blocked()) != "[a>b a>c b>a c>a]" || l.Simulation().Cut != 2 {
		t.Errorf("partition: %v %v, %v, state %+v", ids, err, f.Blocked(), l.Simulation())
	}
	healed, err := l.Heal(t.Context())
	if err != nil || len(healed) != 2 || len(f.Blocked()) != 0 {
		t.Errorf("healed %v %v, still blocked %v", healed, err, f.Blocked())
	}
}

// TestARingThatCannotBeStarted: the command fails, and the previous ring and simulation continue.
func TestARingThatCannotBeStarted(t *testing.T) {
	made := 0
	l := New(Config{
		Sources: run.Sources{View: func() *ring.View { return &ring.View{} }, Watch: judge.NewWatch()},
		Deploy: func(context.Context, *scenario.Scenario) (*deploy.Deployment, error) {
			if made++; made > 1 {
				return nil, errors.New("no port is free")
			}
			return deploy.OnWall(deploytest.NewPaper("a", "b"), runtime.NewWall()), nil
		},
	})
	defer l.Close(t.Context())
	if err := l.StartSimulation(parse(t, "name: first\nring: {members: 3}")); err != nil {
		t.Fatal(err)
	}
	before := l.here()
	err := l.StartSimulation(parse(t, "name: second\nring: {members: 3}"))
	if err == nil || !strings.Contains(err.Error(), "no port is free") {
		t.Errorf("%v", err)
	}
	if st := l.Simulation(); l.here() != before || !st.Running || st.Scenario != "first" {
		t.Errorf("after a command that failed: the ring is there: %t, %+v", l.here() == before, st)
	}
}

// TestARingThatGivesNoAnswer: a simulation that the ring did not begin does not count as running, and one that the ring
// did not end may continue.
func TestARingThatGivesNoAnswer(t *testing.T) {
	mute := false
	done := 0
	l := New(Config{
		Sources: run.Sources{View: func() *ring.View { return &ring.View{} }, Watch: judge.NewWatch()},
		Deploy: func(context.Context, *scenario.Scenario) (*deploy.Deployment, error) {
			g := deploy.OnWall(deploytest.NewPaper("a", "b"), runtime.NewWall())
			do := g.Do
			g.Do = func(ctx context.Context, task func(context.Context)) error {
				if done++; mute || done == 2 {
					return errors.New("no answer")
				}
				return do(ctx, task)
			}
			return g, nil
		},
	})
	defer l.Close(t.Context())
	if err := l.StartSimulation(parse(t, "ring: {members: 3}\nduration: 1h")); err == nil {
		t.Error("the ring gives no answer, and the simulation begins")
	}
	if st := l.Simulation(); st.Running {
		t.Errorf("a simulation that did not begin runs: %+v", st)
	}
	if err := l.StartSimulation(parse(t, "name: second\nduration: 1h")); err != nil {
		t.Errorf("the next one: %v", err)
	}
	mute = true
	if err := l.StopSimulation(t.Context()); !errors.Is(err, deploy.ErrUnavailable) || !l.Simulation().Running {
		t.Errorf("the ring gives no answer: %v", err)
	}
	mute = false
	if err := l.StopSimulation(t.Context()); err != nil || l.Simulation().Running {
		t.Errorf("it gives one again: %v", err)
	}
}
