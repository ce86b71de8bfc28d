// Package polltest waits in tests, in real time, for conditions that no channel signals. Tests in
// the virtual time of testing/synctest do not need it.
package polltest

import (
	"errors"
	"testing"
	"time"
)

// Limit is how long a test waits before it fails. It is long because the machine may have other
// work.
const Limit = 4 * time.Minute

var errNotYet = errors.New("the condition was never true")

// Until returns when cond is true; it evaluates cond again and again. After Limit the test fails
// and names what it waited for, a clause such as "both are connected".
func Until(t testing.TB, what string, cond func() bool) {
	t.Helper()
	Passes(t, what, func() error {
		if !cond() {
			return errNotYet
		}
		return nil
	})
}

// Passes returns when check returns nil. After Limit the test fails and names what it waited for
// and the last error of check.
func Passes(t testing.TB, what string, check func() error) {
	t.Helper()
	begin := time.Now()
	for {
		err := check()
		if err == nil {
			return
		}
		waited := time.Since(begin)
		if waited > Limit {
			t.Fatalf("not within %v: %s: %v", Limit, what, err)
		}
		<-time.After(pause(waited))
	}
}

// pause returns the time between two evaluations: a tenth of the time waited so far. So no wait is
// more than a tenth too long, and a long wait needs few evaluations.
func pause(waited time.Duration) time.Duration {
	return min(max(waited/10, time.Millisecond), 200*time.Millisecond)
}
