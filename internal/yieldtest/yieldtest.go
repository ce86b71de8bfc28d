// Package yieldtest counts how many times work lets other goroutines run.
package yieldtest

import (
	"runtime"
	"testing"
)

// During runs work on a single processor, beside a goroutine that only counts, and returns how many
// times that goroutine ran. Even if work never yields, the scheduler runs it every 10 ms.
func During(t *testing.T, work func()) (turns int) {
	t.Helper()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-done:
				return
			default:
				turns++
				runtime.Gosched()
			}
		}
	}()
	work()
	close(done)
	<-stopped
	return turns
}
