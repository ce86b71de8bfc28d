package main

import (
	"time"

	"chordconductor/conductor/live"
	"chordconductor/otel/chordevent"
)

// recorders passes the fold's calls to several recorders, one after the other.
type recorders []live.Recorder

func (all recorders) Append(ev *chordevent.Event, arrived time.Time) {
	for _, r := range all {
		r.Append(ev, arrived)
	}
}

func (all recorders) Advance(now time.Time) {
	for _, r := range all {
		r.Advance(now)
	}
}
