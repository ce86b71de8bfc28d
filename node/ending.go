package main

import (
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"chordconductor/node/member"
)

// sameSignal is the time after the first signal within which another one counts as the same: supervisors forward a
// signal that the terminal has already sent to the whole process group, so it arrives twice.
const sameSignal = time.Second

// ending handles SIGTERM and Ctrl-C. The first signal ends the context, upon which the host leaves its ring. One that
// arrives later than sameSignal ends the program at once, and a log line names what is lost.
type ending struct {
	begin func()         // ends the context
	exit  func(code int) // ends the program
	host  atomic.Pointer[member.Host]
}

// follow returns when the program has ended.
func (e *ending) follow(signals <-chan os.Signal) {
	<-signals
	first := time.Now()
	e.begin()
	for range signals {
		if time.Since(first) >= sameSignal {
			printf("ended at once by another signal%s", cost(e.host.Load()))
			e.exit(1)
			return
		}
	}
}

// cost describes what is lost when the host ends now. A nil host loses nothing: the program is a client, or not yet
// started.
func cost(host *member.Host) string {
	if host == nil {
		return ""
	}
	members := host.Members() // members that have left are not among them
	if len(members) == 0 {
		return ": all members had left; the last telemetry was not sent"
	}
	var keys int64
	for _, m := range members {
		keys += m.Keys().Load().OwnedKeys
	}
	return fmt.Sprintf(": %d member(s) had not left, and %d key(s) were not handed off; keys with replicas on other hosts are not lost", len(members), keys)
}
