package history

import (
	"context"
	"errors"
	"slices"
	"time"

	"chordconductor/otel/chordevent"
)

// maxLookBack is how many chapters Until goes through at most: with the usual length of one an hour or more. Beyond it
// Until has fewer events than asked for, and does not read a whole day for one.
const maxLookBack = 16

// A Query chooses events.
type Query struct {
	Limit int // of events
	// Want says which; nil: all.
	Want func(*chordevent.Event) bool
	// Once leaves out reports of deaths that were known or refuted when they came: every neighbour tells of a crash. The
	// ring is then rebuilt on the way, which takes as long as At.
	Once bool
}

func (q *Query) takes(e *Event) bool { return !e.repeats && (q.Want == nil || q.Want(e.Event)) }

// Until returns the newest events of those wanted that had arrived by an instant, oldest first.
func (h *History) Until(ctx context.Context, t time.Time, q Query) ([]Event, error) {
	release, err := h.turn(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	var out []Event // newest chapter's first
	chapters := h.span(func(c *chapter) bool { return !c.from.After(t) })
	for i := len(chapters) - 1; i >= max(0, len(chapters)-maxLookBack) && len(out) < q.Limit; i-- {
		var found []Event
		err := h.events(ctx, chapters[i], q.Once, func(e Event) bool {
			if e.Arrived.After(t) {
				return false
			}
			if q.takes(&e) {
				found = append(found, e)
			}
			if len(found) >= 2*q.Limit { // what is older than the newest Limit is of no use
				found = append(found[:0], found[len(found)-q.Limit:]...)
			}
			return true
		})
		if err != nil {
			return nil, err
		}
		out = slices.Concat(found, out)
	}
	return out[max(0, len(out)-q.Limit):], nil
}

// Since returns the first of the events wanted that arrived after an instant, oldest first.
func (h *History) Since(ctx context.Context, t time.Time, q Query) ([]Event, error) {
	release, err := h.turn(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	var out []Event
	chapters := h.span(func(*chapter) bool { return true })
	for len(chapters) > 1 && !chapters[1].from.After(t) {
		chapters = chapters[1:]
	}
	for _, c := range chapters {
		if len(out) >= q.Limit {
			break
		}
		err := h.events(ctx, c, q.Once, func(e Event) bool {
			if e.Arrived.After(t) && q.takes(&e) {
				out = append(out, e)
			}
			return len(out) < q.Limit
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// span lists the chapters that fit.
func (h *History) span(fits func(*chapter) bool) (out []*chapter) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.chapters {
		if fits(c) {
			out = append(out, c)
		}
	}
	return out
}

// events visits a chapter's events until visit has had enough. A chapter that has just been dropped has none. Which are
// repetitions is known only if the ring is folded anew.
func (h *History) events(ctx context.Context, c *chapter, fold bool, visit func(Event) bool) error {
	h.mu.Lock()
	data := c.data
	h.mu.Unlock()
	cur, err := h.open(c, data)
	if errors.Is(err, ErrOutside) {
		return nil
	}
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		e, more := cur.peek()
		if !more {
			break
		}
		repeats := false
		if fold {
			death := cur.step().Death
			repeats = e.event != nil && e.event.Body.Kind() == chordevent.KindPeerFailed && !death
		} else {
			cur.skip()
		}
		if e.event != nil && !visit(Event{cur.seq, e.at, e.event, repeats}) {
			break
		}
	}
	return ctx.Err()
}
