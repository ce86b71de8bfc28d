package assertion

import (
	"fmt"
	"sync"
)

// Counts counts failed assertions by name. Its methods may be called from any goroutine. The
// methods of a nil Counts do nothing, and return 0.
type Counts struct {
	// Print, if not nil, prints one line at the first failure of each name. It must not be changed
	// once Counts is in use, and must not call methods of Counts.
	Print func(line string)

	mu     sync.Mutex
	failed map[string]int64 // guarded by mu; bounded: the names are constants
}

// Failed counts a failure of the assertion of that name. The text states the wrong values.
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

// Of returns how many times the assertion of that name has failed so far.
func (c *Counts) Of(name string) int64 {
	if c == nil {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failed[name]
}

// Total returns how many times any assertion has failed so far.
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
