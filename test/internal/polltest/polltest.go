// Package polltest waits in tests, in real time, for what processes show from outside. The programs' module has one of
// the same name for its own tests; this module does not depend on that one, whose versions of what both use would
// become its own.
package polltest

import (
	"testing"
	"time"
)

// Passes returns when check returns nil, and how long that took. After limit the test fails with what it waited for and
// check's last error.
func Passes(t testing.TB, limit time.Duration, what string, check func() error) time.Duration {
	t.Helper()
	begin := time.Now()
	for {
		err := check()
		took := time.Since(begin)
		if err == nil {
			return took
		}
		if took > limit {
			t.Fatalf("not within %v: %s: %v", limit, what, err)
		}
		<-time.After(min(max(took/10, time.Millisecond), 200*time.Millisecond))
	}
}
