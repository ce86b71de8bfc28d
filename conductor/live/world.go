package live

import (
	"context"
	"time"
)

// A World is the clock of a simulation (simenv.World): it runs the functions that At schedules, one after the other,
// each at its time.
type World interface {
	Now() time.Time
	At(d time.Duration, happening func())
}

// Follow folds on the clock of Config.World from now on, in place of Run: it applies what is offered immediately, and
// the passage of time at the intervals of Run. It returns immediately.
//
// Follow, Offer, OfferSpans and Refresh must be called within the world. No goroutine takes part in the fold, so one
// seed gives one sequence of views, whatever reads them.
func (l *Live) Follow() {
	l.cfg.World.At(advanceEvery, func() {
		l.advance()
		l.publish()
		l.Follow()
	})
}

// Refresh publishes the present state of a fold that follows a world, so that View shows what has arrived by now.
// Readers outside the world do not need it: a state is published at each interval.
func (l *Live) Refresh() { l.publish() }

// followed folds what was offered, if the fold follows a world; otherwise Run folds it.
func (l *Live) followed() {
	if l.cfg.World != nil {
		l.fold(context.Background())
	}
}
