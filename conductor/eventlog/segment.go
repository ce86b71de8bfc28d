package eventlog

import (
	"runtime"
	"time"

	"chordconductor/conductor/encoding"
	"chordconductor/conductor/ring"
)

// A segment is a part of the history: a checkpoint and the entries after it.
type segment struct {
	record string    // name of the record that the segment belongs to, recordBytes long; empty: the record had no name yet
	number uint64    // 1, 2, 3, … over all runs; 0: in memory, or of the first format
	first  uint64    // number of the first event after the checkpoint
	from   time.Time // the checkpoint's instant
	before link      // end of the segment before this one, as the header of this one names it
	path   string    // of the segment's file; empty: the segment is in memory
	old    bool      // the segment's file is of the first format
	empty  bool      // the segment's file ends before the checkpoint, since the program ended there

	// History.mu guards the fields below.
	data   []byte // of a segment that is in memory or being written; the slice only grows
	size   int64
	valid  int64     // valid bytes of the segment's file, as the next segment's header states them; negative: unknown
	sum    uint32    // the checksum there
	broken error     // why something between the readable end and the next segment cannot be read; nil: nothing is missing
	readTo time.Time // if broken is set: the last instant that can be read; zero: unknown yet
}

// write writes an entry. Its event must be storable.
func write(w *encoding.Writer, e entry) {
	w.Bool(e.event != nil)
	if e.event != nil {
		w.Event(e.event)
	}
	w.Time(e.at)
}

func read(in *encoding.Reader) entry {
	var e entry
	if in.Bool() {
		ev := in.Event()
		e.event = &ev
	}
	e.at = in.Time()
	return e
}

// apply applies an entry to a fold, and reports whether the history must keep the entry: an event that changes nothing
// is not kept, unless it shows a fault of its emitter.
func apply(r *ring.Ring, e entry) (change ring.Change, keep bool) {
	if e.event == nil {
		return r.Advance(e.at), true
	}
	change = r.Apply(e.event, e.at)
	return change, change.Applied || change.Noted
}

// A reader is a position in a segment, and the ring at that position.
type reader struct {
	segment *segment
	in      *encoding.Reader
	ring    *ring.Ring
	now     time.Time // the latest instant of the entries applied
	seq     uint64    // number of the last event applied
	ahead   entry     // read and not applied yet, if hasNext
	hasNext bool
	passed  int   // entries
	loaded  int64 // bytes of the segment that only this reader holds
	whole   bool  // the reader has the whole segment, not only a part of it that existed while it was being written
}

// open opens a reader at the beginning of a segment.
func open(opt ring.Options, c *segment, data []byte) (*reader, error) {
	in := encoding.NewReader(data)
	r, err := ring.Load(opt, in)
	if err != nil {
		return nil, err
	}
	return &reader{segment: c, in: in, ring: r, now: c.from, seq: c.first - 1}, nil
}

// peek returns the next entry, or none at the end of the segment.
func (c *reader) peek() (entry, bool) {
	if !c.hasNext && c.in.More() {
		c.ahead = read(c.in)
		c.hasNext = c.in.Err() == nil
	}
	return c.ahead, c.hasNext
}

// skip reads past the next entry without applying it. Afterwards the reader's Ring must not be used.
func (c *reader) skip() {
	c.hasNext = false
	if c.passed++; c.passed%entriesAtOnce == 0 {
		runtime.Gosched()
	}
	if c.ahead.event != nil {
		c.seq++
	}
	if c.ahead.at.After(c.now) {
		c.now = c.ahead.at
	}
}

// step applies the next entry to the ring.
func (c *reader) step() ring.Change {
	c.skip()
	change, _ := apply(c.ring, c.ahead)
	return change
}

// seek goes forward to an instant: it applies all entries that had arrived by then. It calls weigh every few entries.
// If weigh returns an error, there is not enough memory, and seek returns that error.
func (c *reader) seek(t time.Time, weigh func(*reader) error) error {
	for n := 1; ; n++ {
		if n%weighEvery == 0 {
			if err := weigh(c); err != nil {
				return err
			}
		}
		e, more := c.peek()
		if !more || e.at.After(t) {
			break
		}
		c.step()
	}
	return c.in.Err()
}
