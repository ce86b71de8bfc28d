package main

import (
	"os"
	"sync/atomic"
	"time"

	"chordconductor/node/host"
)

// sameSignal is the time after the first signal within which another one counts as the same signal:
// the terminal sends it to the whole process group, and a supervisor forwards it, so it arrives
// twice.
const sameSignal = time.Second

// ending handles SIGTERM and Ctrl-C. The first signal ends the context, whereupon the host leaves
// its ring. A signal later than sameSignal ends the program at once, and a log line names what is
// lost.
type ending struct {
	begin func()         // ends the context
	exit  func(code int) // ends the program
	host  atomic.Pointer[host.Host]
}

// follow returns when the program has ended.
func (e *ending) follow(signals <-chan os.Signal) {
	<-signals
	first := time.Now()
	e.begin()
	for range signals {
		if time.Since(first) >= sameSignal {
			cost := "" // empty for a client, or before the host has started
			if h := e.host.Load(); h != nil {
				cost = ": " + h.Cost()
			}
			printf("ended at once by another signal%s", cost)
			e.exit(1)
			return
		}
	}
}
