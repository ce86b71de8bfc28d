package polltest

import (
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// A failing test records the text with which it failed.
type failing struct {
	testing.TB
	with string
}

func (*failing) Helper() {}

func (f *failing) Fatalf(format string, args ...any) {
	f.with = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// in calls wait with a test of its own, and returns the text with which that test failed and how
// long wait took.
func in(wait func(testing.TB)) (with string, took time.Duration) {
	var f failing
	begin, done := time.Now(), make(chan struct{})
	go func() {
		defer close(done)
		wait(&f)
	}()
	<-done
	return f.with, time.Since(begin)
}

func TestUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, after := range []time.Duration{0, time.Millisecond, 70 * time.Millisecond, time.Second, time.Minute, Limit} {
			begin, looks := time.Now(), 0
			with, took := in(func(tb testing.TB) {
				Until(tb, "it is time", func() bool { looks++; return time.Since(begin) >= after })
			})
			if with != "" || took < after || took > after+max(after/10, time.Millisecond) || looks > 60+int(after/(200*time.Millisecond)) {
				t.Errorf("a condition that is true after %v: the wait took %v and %d evaluations, and failed with %q", after, took, looks, with)
			}
		}
		with, took := in(func(tb testing.TB) { Until(tb, "both are connected", func() bool { return false }) })
		if want := "not within 4m0s: both are connected: the condition was never true"; with != want || took > Limit+time.Second {
			t.Errorf("after %v the test failed with %q, want %q", took, with, want)
		}
	})
}

func TestPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		with, took := in(func(tb testing.TB) {
			Passes(tb, "the store answers", func() error { looks++; return errors.New([]string{"odd", "even"}[looks%2]) })
		})
		want := "not within 4m0s: the store answers: " + []string{"odd", "even"}[looks%2]
		if with != want || took > Limit+time.Second {
			t.Errorf("after %v the test failed with %q, want %q", took, with, want)
		}
	})
}
