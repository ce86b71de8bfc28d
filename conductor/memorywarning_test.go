package main

import (
	"strings"
	"testing"
)

// A memory limit beyond what there is gets one line of warning with both sizes; any other gets none.
func TestMemoryBeyondWhatThereIs(t *testing.T) {
	for size, lines := range map[string]int{"100000GiB": 1, "128MiB": 0} {
		r := runConductor(t, "--scenario", "none", "--memory", size)
		if code := r.end(); code != exitOK {
			t.Errorf("%s: exit %d", size, code)
		}
		if text := r.err.String(); strings.Count(text, "is more than") != lines || strings.Count(text, "\n") != lines || lines == 1 && !strings.Contains(text, "102400000 MiB of memory (--memory)") {
			t.Errorf("%s: %s", size, text)
		}
	}
}
