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

// Until returns the newest events of those wanted that had arrived by an instant: limit of them at most, oldest first.
// A nil want wants all.
func (h *History) Until(ctx context.Context, t time.Time, limit int, want func(*chordevent.Event) bool) ([]Event, error) {
	release, err := h.turn(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	var out []Event // newest chapter's first
	chapters := h.span(func(c *chapter) bool { return !c.from.After(t) })
	for i := len(chapters) - 1; i >= max(0, len(chapters)-maxLookBack) && len(out) < limit; i-- {
		var found []Event
		err := h.events(ctx, chapters[i], func(e Event) bool {
			if e.Arrived.After(t) {
				return false
			}
			if want == nil || want(e.Event) {
				found = append(found, e)
			}
			if len(found) >= 2*limit { // what is older than the newest limit is of no use
				found = append(found[:0], found[len(found)-limit:]...)
			}
			return true
		})
		if err != nil {
			return nil, err
		}
		out = slices.Concat(found, out)
	}
	return out[max(0, len(out)-limit):], nil
}

// Since returns the events wanted that arrived after an instant: the first limit of them at most, oldest first.
func (h *History) Since(ctx context.Context, t time.Time, limit int, want func(*chordevent.Event) bool) ([]Event, error) {
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
		if len(out) >= limit {
			break
		}
		err := h.events(ctx, c, func(e Event) bool {
			if e.Arrived.After(t) && (want == nil || want(e.Event)) {
				out = append(out, e)
			}
			return len(out) < limit
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

// events visits a chapter's events until visit has had enough. A chapter that has just been dropped has none.
func (h *History) events(ctx context.Context, c *chapter, visit func(Event) bool) error {
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
		cur.hasNext = false
		if e.event == nil {
			continue
		}
		if cur.seq++; !visit(Event{cur.seq, e.at, e.event}) {
			break
		}
	}
	return ctx.Err()
}
