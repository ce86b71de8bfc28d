package eventlog

import (
	"context"
	"errors"
	"slices"
	"time"

	"chordconductor/otel/chordevent"
)

// maxLookBack bounds the segments that Until reads: with segments of the usual length, an hour or more. Until then
// returns fewer events than the limit, rather than read a whole day for one event.
const maxLookBack = 16

// A Query selects events.
type Query struct {
	Limit int // of events
	// Want reports whether the feed is to contain an event. If it is nil, the feed contains all events.
	Want func(*chordevent.Event) bool
	// Once leaves out repeated reports of a death, and refuted ones: every neighbour reports a crash. The ring is then
	// folded again on the way, which takes as long as At.
	Once bool
	// Show converts an event to what is returned in its place, so that not all visited events are held in memory; nil:
	// the event itself is returned.
	Show func(*Event) any
}

// keep returns what the result has of a wanted event.
func (q *Query) keep(e Event) Event {
	if q.Show != nil {
		e.Shown = q.Show(&e)
		e.Event = nil
	}
	return e
}

func (q *Query) takes(e *Event) bool { return !e.repeats && (q.Want == nil || q.Want(e.Event)) }

// Until returns the newest of the wanted events that had arrived by an instant, oldest first. If a damaged part lies
// between the instant and older events within the limit, the events stop there, and the damage is returned with them.
// For an instant within a damaged part the error is a *DamagedError.
func (h *History) Until(ctx context.Context, t time.Time, q Query) ([]Event, *Damage, error) {
	release, err := h.acquireSeek(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer release()
	var out []Event // the newest segment's first
	segments := h.span(func(c *segment) bool { return !c.from.After(t) })
	if d := h.beforeAll(); d != nil && len(segments) == 0 && !t.Before(d.From) {
		return nil, nil, &DamagedError{*d}
	}
	for i := len(segments) - 1; i >= max(0, len(segments)-maxLookBack) && len(out) < q.Limit; i-- {
		var found []Event
		err := h.events(ctx, segments[i], q.Once, func(e Event) bool {
			if e.Arrived.After(t) {
				return false
			}
			if q.takes(&e) {
				found = append(found, q.keep(e))
			}
			if len(found) >= 2*q.Limit { // events older than the newest Limit are not returned
				found = append(found[:0], found[len(found)-q.Limit:]...)
			}
			return true
		})
		var damaged *DamagedError
		switch {
		case !errors.As(err, &damaged):
		case i < len(segments)-1:
			return newest(out, q.Limit), &damaged.Damage, nil
		case t.Before(damaged.From):
			err = nil
		}
		if err != nil {
			return nil, nil, err
		}
		out = slices.Concat(found, out)
	}
	if len(out) < q.Limit && len(segments) <= maxLookBack {
		return newest(out, q.Limit), h.beforeAll(), nil
	}
	return newest(out, q.Limit), nil, nil
}

func newest(events []Event, limit int) []Event { return events[max(0, len(events)-limit):] }

// beforeAll returns what is missing before the first segment, if anything is.
func (h *History) beforeAll() *Damage {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lostHead()
}

// Since returns the first of the wanted events that arrived after an instant, oldest first. Like those of Until, they
// stop at a damaged part.
func (h *History) Since(ctx context.Context, t time.Time, q Query) ([]Event, *Damage, error) {
	release, err := h.acquireSeek(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer release()
	var out []Event
	segments := h.span(func(*segment) bool { return true })
	if d := h.beforeAll(); d != nil && !t.Before(d.From) && (d.Until.IsZero() || t.Before(d.Until)) {
		return nil, nil, &DamagedError{*d}
	}
	for len(segments) > 1 && !segments[1].from.After(t) {
		segments = segments[1:]
	}
	for i, c := range segments {
		if len(out) >= q.Limit {
			break
		}
		err := h.events(ctx, c, q.Once, func(e Event) bool {
			if e.Arrived.After(t) && q.takes(&e) {
				out = append(out, q.keep(e))
			}
			return len(out) < q.Limit
		})
		var damaged *DamagedError
		if errors.As(err, &damaged) && (i > 0 || t.Before(damaged.From)) {
			return out, &damaged.Damage, nil
		}
		if err != nil {
			return nil, nil, err
		}
	}
	return out, nil, nil
}

// span lists the segments for which fits returns true, oldest first.
func (h *History) span(fits func(*segment) bool) (out []*segment) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.segments {
		if fits(c) {
			out = append(out, c)
		}
	}
	return out
}

// events visits a segment's events until visit returns false. It returns a *DamagedError if there were further events
// that cannot be read, and visits none of a segment that has just been dropped. Repeated reports are recognized only if
// fold is true: then the ring is folded again.
func (h *History) events(ctx context.Context, c *segment, fold bool, visit func(Event) bool) error {
	h.mu.Lock()
	data, empty := c.data, c.empty
	h.mu.Unlock()
	if empty {
		return nil
	}
	cur, err := h.open(c, data)
	if errors.Is(err, ErrOutside) {
		return nil
	}
	if err != nil {
		return err
	}
	for n := 1; ctx.Err() == nil; n++ {
		if n%weighEvery == 0 {
			if err := h.weigh(cur); err != nil {
				return err
			}
		}
		e, more := cur.peek()
		if !more {
			if err := cur.in.Err(); err != nil {
				h.breaks(c, err)
			}
			return h.damaged(c, cur.now)
		}
		repeats := false
		if fold {
			death := cur.step().Death
			repeats = e.event != nil && e.event.Body.Kind() == chordevent.KindPeerFailed && !death
		} else {
			cur.skip()
		}
		if e.event != nil && !visit(Event{Seq: cur.seq, Arrived: e.at, Event: e.event, repeats: repeats}) {
			break
		}
	}
	return ctx.Err()
}
