package assertion

import (
	"fmt"
	"sync"
)

// Counts counts failures by the name of the assertion. Its methods may be called from any goroutine. A nil Counts
// counts nothing.
type Counts struct {
	// Print, if not nil, prints one line at the first failure of each name. It must not change once in use, nor call
	// the Counts.
	Print func(line string)

	mu     sync.Mutex
	failed map[string]int64 // guarded by mu; the names are few
}

// Failed counts a failure. The text gives the wrong values.
func (c *Counts) Failed(name, format string, args ...any) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed == nil {
		c.failed = make(map[string]int64)
	}
	c.failed[name]++
	if c.failed[name] == 1 && c.Print != nil {
		c.Print(fmt.Sprintf("assertion %s failed: %s; this is a bug, please report it", name, fmt.Sprintf(format, args...)))
	}
}

// Of returns the number of failures of one name so far.
func (c *Counts) Of(name string) int64 {
	if c == nil {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failed[name]
}

// Total returns the number of all failures so far.
func (c *Counts) Total() (n int64) {
	if c == nil {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, times := range c.failed {
		n += times
	}
	return n
}
