// Package polltest waits in tests, in real time, for conditions on processes. The programs' module has a package of the
// same name for its own tests. This module does not import that one, since the versions of dependencies that both
// modules use would then have to agree.
package polltest

import (
	"testing"
	"time"
)

// Passes calls check until it returns nil, and returns how long that took. After limit the test fails with a message that
// contains what and check's last error.
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
