package eventlog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"chordconductor/conductor/ring"
	"chordconductor/otel/chordevent"
)

// gapAfter is how long after the last entry before an instant the ring is advanced to that instant. Entries come
// several times a second: if that time passed without one, nothing was recorded, and members must not look alive.
const gapAfter = 2 * time.Second

// At returns the ring at an instant: as the fold's own view was then, except for Member.Changed. For an instant after
// the last recorded one it returns the ring at the last recorded one. The error is ErrOutside if the history does not
// go back so far, and a *DamagedError if what was recorded for that instant cannot be read.
func (h *History) At(ctx context.Context, t time.Time) (*ring.View, error) {
	release, err := h.acquireSeek(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	h.mu.Lock()
	if to := h.stats.To; t.After(to) {
		t = to
	}
	h.mu.Unlock()
	cur, err := h.readerAt(t)
	if err != nil {
		return nil, err
	}
	if err := cur.seek(t, h.weigh); errors.Is(err, ErrMemory) {
		return nil, err
	} else if err != nil {
		h.reader = nil
		h.breaks(cur.segment, err)
	}
	if err := h.weigh(cur); err != nil {
		return nil, err
	}
	if _, more := cur.peek(); !more && !t.Before(cur.now) {
		if err := h.damaged(cur.segment, cur.now); err != nil {
			return nil, err
		}
	}
	if t.Sub(cur.now) >= gapAfter {
		h.reader = nil // the reader is past t now
		cur.ring.Advance(t)
	}
	v := *cur.ring.View()
	v.Time = t
	return &v, nil
}

// acquireSeek waits until no other seek runs.
func (h *History) acquireSeek(ctx context.Context) (release func(), err error) {
	select {
	case <-h.seek:
		return func() { h.seek <- struct{}{} }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// readerAt returns a reader that is in the segment of the instant and not beyond the instant: the reader that the last
// seek left, if possible.
func (h *History) readerAt(t time.Time) (*reader, error) {
	h.mu.Lock()
	i := len(h.segments) - 1
	for i >= 0 && (h.segments[i].from.After(t) || h.segments[i].empty) {
		i--
	}
	if i < 0 {
		defer h.mu.Unlock()
		if d := h.lostHead(); d != nil && !t.Before(d.From) {
			return nil, &DamagedError{*d}
		}
		if len(h.segments) == 0 {
			return nil, fmt.Errorf("%w: nothing is recorded yet", ErrOutside)
		}
		return nil, fmt.Errorf("%w: it begins at %s", ErrOutside, h.segments[0].from.Format(time.RFC3339))
	}
	c := h.segments[i]
	data := c.data
	h.mu.Unlock()
	if cur := h.reader; cur != nil && cur.segment == c && !cur.now.After(t) {
		if cur.whole {
			return cur, nil
		}
		rest, err := h.dataOf(c, data)
		if err != nil {
			return nil, err
		}
		cur.in.Extend(rest)
		if data == nil {
			cur.loaded = int64(len(rest))
		}
		cur.whole = data == nil
		return cur, nil
	}
	h.reader = nil
	cur, err := h.open(c, data)
	if err != nil {
		return nil, err
	}
	h.reader = cur
	return cur, nil
}

// open opens a reader at the beginning of a segment; data is what the segment has in memory.
func (h *History) open(c *segment, data []byte) (*reader, error) {
	whole := data == nil
	data, err := h.dataOf(c, data)
	if err != nil {
		return nil, err
	}
	if len(data) == 0 {
		if err := h.damaged(c, c.from); err != nil {
			return nil, err
		}
	}
	cur, err := open(h.opt.Ring, c, data)
	if errors.Is(err, ring.ErrMemory) {
		h.opt.Seeking.Refuse()
		return nil, ErrMemory
	}
	if errors.Is(err, ring.ErrVersion) { // nothing is damaged, but this program cannot show it
		h.mu.Lock()
		defer h.mu.Unlock()
		d := Damage{From: c.from, Cause: err.Error()}
		if i := slices.Index(h.segments, c); i >= 0 && i+1 < len(h.segments) {
			d.Until = h.segments[i+1].from
		}
		return nil, &DamagedError{d}
	}
	if err != nil {
		h.breaks(c, fmt.Errorf("cannot read the segment that begins at %s: %w", c.from.Format(time.RFC3339), err))
		return nil, h.damaged(c, c.from)
	}
	if cur.whole = whole; whole {
		cur.loaded = int64(len(data))
	}
	return cur, nil
}

// dataOf returns the data that a segment has in memory, or else that of its file.
func (h *History) dataOf(c *segment, data []byte) ([]byte, error) {
	if data != nil {
		return data, nil
	}
	h.mu.Lock()
	size := c.size
	h.mu.Unlock()
	if err := h.readable(size); err != nil {
		return nil, err
	}
	in, err := h.load(c)
	return in.data, err
}

// An Event is one recorded event.
type Event struct {
	Seq     uint64 // 1, 2, 3, … over all runs of the program
	Arrived time.Time
	Event   *chordevent.Event // nil if Shown is set
	Shown   any               // what Query.Show has made from the event

	repeats bool // see Query.Once
}
