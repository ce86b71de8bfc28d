package main

import (
	"os"
	"sync/atomic"
	"time"

	"chordconductor/node/host"
)

// sameSignal is the time after the first signal within which another one counts as the same: supervisors forward a
// signal that the terminal has already sent to the whole process group, so it arrives twice.
const sameSignal = time.Second

// ending handles SIGTERM and Ctrl-C. The first signal ends the context, upon which the host leaves its ring. One that
// arrives later than sameSignal ends the program at once, and a log line names what is lost.
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
			cost := "" // nothing: the program is a client, or not yet started
			if h := e.host.Load(); h != nil {
				cost = ": " + h.Cost()
			}
			printf("ended at once by another signal%s", cost)
			e.exit(1)
			return
		}
	}
}
