package main

import (
	"strings"
	"testing"
)

// For a memory limit beyond the machine's memory the program prints one line of warning with both sizes; for any other
// limit it prints none.
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
