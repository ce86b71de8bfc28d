package grpcenv

import (
	"sync/atomic"
	"time"
)

// A host that the machine starves hears every answer late, and would take its peers for dead for its own fault; with
// them in the same plight the ring would fall apart for want of nothing but time. So a host measures how late its own
// timers fire and grants its peers more: the idea is Lifeguard's local health (Dadgar, Phillips and Currey, 2018).
const (
	lateEvery   = 100 * time.Millisecond // between looks
	onTime      = 5 * time.Millisecond   // what an idle machine may take to wake a thread
	lateSteps   = 8                      // waits for a processor that a call and its answer may meet, on both hosts
	maxPatience = 8                      // more than its limit a call is granted at most, in limits
	maxLate     = time.Second            // a host that was stopped for an hour is not starved for long when it goes on
)

// lateness is how late this host has lately been, and forgets half of it in about a second.
type lateness struct{ nanos atomic.Int64 }

// watch measures until stop is closed.
func (l *lateness) watch(stop <-chan struct{}) {
	timer := time.NewTimer(lateEvery)
	defer timer.Stop()
	for {
		due := time.Now().Add(lateEvery)
		timer.Reset(lateEvery)
		select {
		case <-timer.C:
			l.saw(time.Since(due))
		case <-stop:
			return
		}
	}
}

// saw takes in that a timer fired so late.
func (l *lateness) saw(late time.Duration) {
	if late < onTime {
		late = 0
	}
	l.nanos.Store(max(min(late, maxLate).Nanoseconds(), l.nanos.Load()*15/16))
}

// grant is how long a call with a limit may take.
func (l *lateness) grant(limit time.Duration) time.Duration {
	return limit + min(lateSteps*time.Duration(l.nanos.Load()), maxPatience*limit)
}
