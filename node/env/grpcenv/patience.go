package grpcenv

import (
	"sync/atomic"
	"time"
)

// A host that is short of processor time receives every answer late, and would take its peers for
// dead although the delay is its own; if its peers are equally short, the ring would fall apart. So
// a host measures how late its own timers fire and grants its peers more time. The idea is
// Lifeguard's local health (Dadgar, Phillips and Currey, 2018).
const (
	lateEvery   = 100 * time.Millisecond // between measurements
	onTime      = 5 * time.Millisecond   // time that an idle machine may take to wake a thread
	lateSteps   = 8                      // waits for a processor that a call and its answer may meet, on both hosts
	maxPatience = 8                      // greatest time granted to a call, in multiples of its limit
	maxLate     = time.Second            // bound of a measurement: a host that was stopped for an hour must not count as late for long afterwards
)

// lateness is the time by which this host's timers have lately fired late; it halves in about a
// second.
type lateness struct{ nanos atomic.Int64 }

// watch measures the lateness until stop is closed.
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

// saw adds a measurement: the time by which a timer fired late.
func (l *lateness) saw(late time.Duration) {
	if late < onTime {
		late = 0
	}
	l.nanos.Store(max(min(late, maxLate).Nanoseconds(), l.nanos.Load()*15/16))
}

// grant returns the time that a call with the given limit may take.
func (l *lateness) grant(limit time.Duration) time.Duration {
	return limit + min(lateSteps*time.Duration(l.nanos.Load()), maxPatience*limit)
}
