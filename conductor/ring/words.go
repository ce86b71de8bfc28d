package ring

import (
	"fmt"
	"time"

	"chordconductor/internal/duration"
)

var statusWords = [...]string{"unknown", "forming", "ideal", "repairing", "violated"}

// String returns the status as the API names it.
func (s Status) String() string {
	if int(s) < len(statusWords) {
		return statusWords[s]
	}
	return "unknown"
}

var memberWords = [...]string{"unknown", "joining", "active", "leaving", "left", "failed", "silent"}

// String returns the status as the API names it.
func (s MemberStatus) String() string {
	if int(s) < len(memberWords) {
		return memberWords[s]
	}
	return memberWords[0]
}

var certaintyWords = [...]string{"nothing", "partial", "all"}

// String returns the state as the API names it.
func (s CertaintyState) String() string {
	if int(s) < len(certaintyWords) {
		return certaintyWords[s]
	}
	return certaintyWords[0]
}

var whyWords = [...]string{"", "late", "events_missing", "list_missing", "silent", "no_events", "reported_dead", "two_incarnations", "two_processes"}

// String returns the reason as the API names it.
func (w Why) String() string {
	if int(w) < len(whyWords) {
		return whyWords[w]
	}
	return whyWords[0]
}

var faultWords = [...]string{"", "two_incarnations", "two_processes", "clock_ahead", "clock_behind"}

// String returns the kind as the API names it.
func (k FaultKind) String() string {
	if int(k) < len(faultWords) {
		return faultWords[k]
	}
	return faultWords[0]
}

// String describes the fault in one sentence.
func (f *Fault) String() string {
	switch f.Kind {
	case TwoIncarnations:
		return fmt.Sprintf("two incarnations: events of incarnation %d still arrive although %d is later", f.Other, f.Incarnation)
	case TwoProcesses:
		return fmt.Sprintf("one identity from two processes: events of incarnation %d come from service.instance.id %q and %q", f.Incarnation, f.Instances[0], f.Instances[1])
	case ClockAhead:
		return fmt.Sprintf("the clock of host %s is ahead of the conductor's clock, by %s or more", f.Host.Address, duration.Text(f.Bound.Truncate(time.Second)))
	case ClockBehind:
		return fmt.Sprintf("the clock of host %s is behind the conductor's clock, by up to %s", f.Host.Address, duration.Text((f.Bound + time.Second - 1).Truncate(time.Second)))
	}
	return "unknown fault"
}
