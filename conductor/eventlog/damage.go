package eventlog

import (
	"fmt"
	"time"
)

// A Damage is a part of the record that cannot be read.
type Damage struct {
	From  time.Time // zero: the beginning of the damaged part is unknown
	Until time.Time // zero: nothing was recorded after the damaged part yet
	Cause string    // what is wrong, with file and byte
}

func (d Damage) String() string {
	from, until := "an unknown instant", "the end of the record"
	if !d.From.IsZero() {
		from = d.From.Format(time.RFC3339Nano)
	}
	if !d.Until.IsZero() {
		until = d.Until.Format(time.RFC3339Nano)
	}
	return fmt.Sprintf("the record is damaged from %s until %s: %s", from, until, d.Cause)
}

// A DamagedError is the error for an instant in a damaged part of the record, or for events in or before a damaged
// part.
type DamagedError struct{ Damage }

func (e *DamagedError) Error() string { return e.String() }

// Damages returns the damaged parts known so far, oldest first. Most are found when the history is opened. A file whose
// bytes have changed is found when it is first read: by a query, or by the check that runs in the background after the
// start. There is at most one damaged part for each segment, and one before the first.
func (h *History) Damages() []Damage {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []Damage
	if d := h.lostHead(); d != nil {
		out = append(out, *d)
	}
	for i, c := range h.segments {
		if c.broken != nil {
			d := h.damageOf(i)
			if d.From.IsZero() {
				d.From = c.from
			}
			out = append(out, d)
		}
	}
	return out
}

// damageOf returns what cannot be read after the readable end of segment i. Its From is zero if that end is not known
// yet. Called with mu held.
func (h *History) damageOf(i int) Damage {
	c := h.segments[i]
	d := Damage{From: c.readTo, Cause: c.broken.Error()}
	if i+1 < len(h.segments) {
		d.Until = h.segments[i+1].from
	}
	return d
}

// damaged returns the error for an instant at or after the readable end of a segment; nil if nothing is missing there.
func (h *History) damaged(c *segment, readTo time.Time) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c.broken == nil {
		return nil
	}
	c.readTo = readTo
	for i := range h.segments {
		if h.segments[i] == c {
			return &DamagedError{h.damageOf(i)}
		}
	}
	return &DamagedError{Damage{From: readTo, Cause: c.broken.Error()}} // the segment has just been dropped
}

// lostHead returns what is missing before the first segment. Called with mu held.
func (h *History) lostHead() *Damage {
	if h.head == nil {
		return nil
	}
	d := *h.head
	if len(h.segments) > 0 {
		d.Until = h.segments[0].from
	}
	return &d
}

// breaks records that a segment cannot be read to its end.
func (h *History) breaks(c *segment, why error) {
	h.mu.Lock()
	known := c.broken != nil
	if !known {
		c.broken = why
	}
	h.mu.Unlock()
	if !known {
		h.opt.Logf("history: %s: this part of the history cannot be shown; nothing is deleted. For details run: conductor history check", why)
	}
}

// verify reads the files of earlier runs once, so that damage is known before a query asks for its instants. It uses at
// most a fifth of the time, since it competes with the fold for the processor.
func (h *History) verify(segments []*segment) {
	defer close(h.checked)
	for _, c := range segments {
		begin := time.Now()
		if err := h.readable(c.size); err != nil {
			h.opt.Logf("history: %s: not checked: %s", c.path, err)
			continue
		}
		_, _ = h.load(c) // load records what is wrong
		h.mu.Lock()
		find := c.broken != nil && c.readTo.IsZero()
		h.mu.Unlock()
		if find {
			h.findEnd(c)
		}
		select {
		case <-h.ended:
			return
		case <-time.After(4 * time.Since(begin)):
		}
	}
}

// findEnd finds the last readable instant of a broken segment.
func (h *History) findEnd(c *segment) {
	end := c.from
	if cur, err := h.open(c, nil); err == nil {
		cur.count()
		end = cur.now
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	c.readTo = end
}
