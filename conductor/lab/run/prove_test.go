package run

import (
	"testing"

	"chordconductor/conductor/lab/deploy/deploytest"
	"chordconductor/conductor/lab/runtime"
)

// A note lists hosts that have never proven that they hold the token. A host that has, and is cut off, paused or
// restarted, is not in the note: the experiment is the cause of its absence.
func TestTheNoteIsOfHostsThatNeverProvedThemselves(t *testing.T) {
	fleet := deploytest.NewPaper("a:1", "b:1", "c:1")
	s := &Simulation{fleet: fleet, runtime: runtime.NewScope(runtime.NewWall())}
	served := map[string]bool{}
	for _, step := range []struct {
		what     string
		unproven [3]bool
		noted    bool
	}{
		{"all have", [3]bool{}, false},
		{"two are cut off", [3]bool{true, true, false}, false},
		{"one is back", [3]bool{false, true, false}, false},
	} {
		for i, unproven := range step.unproven {
			fleet.List[i].Unproven = unproven
		}
		if noted := s.noteUnproven(served); noted != step.noted {
			t.Errorf("%s: noted %v", step.what, noted)
		}
	}
	fleet.List = append(fleet.List, deploytest.NewPaper("d:1").List...)
	fleet.List[3].Unproven = true
	if !s.noteUnproven(served) || len(s.notes) != 1 {
		t.Errorf("a new host that has not: notes %q", s.notes)
	}
}
