package main

import (
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"chordconductor/node/member"
)

// sameSignal is how long after the first signal another one is the same again: supervisors pass on what the whole
// process group has got from the terminal already, and so it comes twice.
const sameSignal = time.Second

// ending is what SIGTERM and Ctrl-C do to the program. The first ends its context, upon which a host leaves its ring. One
// that comes later than sameSignal ends the program at once, and says what that costs.
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

// cost says what is lost with a host that ends now. Nil: nothing, it is a client or has not begun.
func cost(host *member.Host) string {
	if host == nil {
		return ""
	}
	members := host.Members() // those that have left are none any more
	if len(members) == 0 {
		return ": all members had left; the last telemetry was not sent"
	}
	var keys int64
	for _, m := range members {
		keys += m.Keys().Load().OwnedKeys
	}
	return fmt.Sprintf(": %d member(s) had not left, and %d key(s) were not handed over; what others have copies of is not lost", len(members), keys)
}
