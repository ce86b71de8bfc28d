package assertion

import (
	"sync"
	"testing"
)

func TestCounts(t *testing.T) {
	var lines []string
	c := &Counts{Print: func(line string) { lines = append(lines, line) }}
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() { c.Failed("one", "%d is not %d", 1, 2) })
	}
	all.Wait()
	c.Failed("two", "no")
	if c.Of("one") != 100 || c.Of("two") != 1 || c.Of("three") != 0 || c.Total() != 101 {
		t.Errorf("the counts are: one %d, two %d, three %d, total %d", c.Of("one"), c.Of("two"), c.Of("three"), c.Total())
	}
	if len(lines) != 2 || lines[0] != "assertion one failed: 1 is not 2; this is a bug, please report it" {
		t.Errorf("printed %q", lines)
	}
}

func TestNilCountsNothing(t *testing.T) {
	var c *Counts
	c.Failed("one", "no")
	if c.Of("one") != 0 || c.Total() != 0 {
		t.Error("a nil Counts has counted a failure")
	}
}
