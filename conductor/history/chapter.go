package history

import (
	"runtime"
	"time"

	"chordconductor/conductor/pack"
	"chordconductor/conductor/ring"
)

// A chapter is a checkpoint and what came after it.
type chapter struct {
	record string    // which record it is of, recordBytes long; empty: the record had no name yet
	number uint64    // 1, 2, 3, … over all runs; 0: in memory, or of the first format
	first  uint64    // number of the first event after the checkpoint
	from   time.Time // the checkpoint's instant
	before link      // the chapter before it, as its header has it
	path   string    // of its file; empty: in memory
	old    bool      // its file is of the first format
	empty  bool      // its file ends before the checkpoint: the program ended there

	// The rest is guarded by History.mu.
	data   []byte // of a chapter in memory, or being written; it only grows
	size   int64
	valid  int64     // bytes of its file that count, as the next chapter has it; negative: not known
	sum    uint32    // the checksum there
	broken error     // what is between its readable end and the next chapter cannot be read, and why
	readTo time.Time // of a broken one: the last instant that can be read; zero: not known yet
}

// write writes an entry. Its event must be storable.
func write(w *pack.Writer, e entry) {
	w.Bool(e.event != nil)
	if e.event != nil {
		w.Event(e.event)
	}
	w.Time(e.at)
}

func read(in *pack.Reader) entry {
	var e entry
	if in.Bool() {
		ev := in.Event()
		e.event = &ev
	}
	e.at = in.Time()
	return e
}

// tell tells a fold of an entry, and says whether that is worth keeping: an event that tells nothing new is not.
func tell(r *ring.Ring, e entry) (change ring.Change, keep bool) {
	if e.event == nil {
		return r.Advance(e.at), true
	}
	change = r.Apply(e.event, e.at)
	return change, change.Applied || change.Noted
}

// A cursor is a place in a chapter, and the ring as it was there.
type cursor struct {
	chapter *chapter
	in      *pack.Reader
	ring    *ring.Ring
	now     time.Time // the latest instant of the entries told
	seq     uint64    // number of the last event told
	ahead   entry     // read and not yet told, if hasNext
	hasNext bool
	passed  int   // entries
	loaded  int64 // bytes of the chapter that only this cursor holds
	whole   bool  // in reads the whole chapter, not what was there of it while it was being written
}

// open places a cursor at the beginning of a chapter.
func open(opt ring.Options, c *chapter, data []byte) (*cursor, error) {
	in := pack.NewReader(data)
	r, err := ring.Load(opt, in)
	if err != nil {
		return nil, err
	}
	return &cursor{chapter: c, in: in, ring: r, now: c.from, seq: c.first - 1}, nil
}

// peek finds the next entry, or none at the end of the chapter.
func (c *cursor) peek() (entry, bool) {
	if !c.hasNext && c.in.More() {
		c.ahead = read(c.in)
		c.hasNext = c.in.Err() == nil
	}
	return c.ahead, c.hasNext
}

// skip leaves the next entry out: of no use to a ring afterwards.
func (c *cursor) skip() {
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

// step tells the ring of the next entry.
func (c *cursor) step() ring.Change {
	c.skip()
	change, _ := tell(c.ring, c.ahead)
	return change
}

// seek goes forward to an instant: it tells all entries that had come by then. weigh is asked now and then whether there
// is memory to go on.
func (c *cursor) seek(t time.Time, weigh func(*cursor) error) error {
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
