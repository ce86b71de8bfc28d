package controller

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"chordconductor/conductor/lab/deploy/deploytest"
	"chordconductor/conductor/lab/deploy/faults"
	"chordconductor/conductor/lab/judge"
	"chordconductor/conductor/lab/run"
	"chordconductor/conductor/ring"
	"chordconductor/node/chord"
)

// TestTheSecondTryIsATry: the next command sends the order again to a host that refused it a moment ago, and reports
// the result.
func TestTheSecondTryIsATry(t *testing.T) {
	f := deploytest.NewPaper("a", "b")
	f.Fail = "a"
	l := New(Config{Sources: run.Sources{View: func() *ring.View { return &ring.View{} }, Watch: judge.NewWatch()}, Remote: f})
	defer l.Close(t.Context())
	for range 3 {
		if _, err := l.Partition(t.Context(), [][]chord.ID{{deploytest.ID(1)}}); err == nil {
			t.Error("a host refuses, and the command succeeds")
		}
		if err := l.PauseNode(t.Context(), deploytest.ID(1), time.Minute); err == nil {
			t.Error("a host refuses to pause, and the command succeeds")
		}
		if got := l.Faults(); slices.ContainsFunc(got, func(f faults.Listed) bool { return !f.Ending }) {
			t.Errorf("after commands that failed: %+v", got)
		}
		if ids, err := l.Heal(t.Context()); err == nil || len(ids) > 0 {
			t.Errorf("a host refuses the heal, too: %v %v", ids, err)
		}
	}
	f.Fail = ""
	ids, err := l.Heal(t.Context())
	if err != nil || fmt.Sprint(ids) != fmt.Sprint([]chord.ID{deploytest.ID(1)}) || len(l.Faults()) > 0 {
		t.Errorf("healed %v, %v; in force: %v", ids, err, l.Faults())
	}
}
