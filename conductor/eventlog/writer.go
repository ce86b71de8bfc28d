package eventlog

import (
	"errors"
	"io/fs"
	"runtime"
	"slices"
	"time"

	"chordconductor/conductor/encoding"
	"chordconductor/conductor/ring"
)

// entriesAtOnce is how many entries are recorded, or read by a query, before the goroutine yields: live views take
// precedence, and the Go scheduler would otherwise let them wait for 10 ms.
const entriesAtOnce = 64

// A writer is the goroutine that records. Only this goroutine uses the fields.
type writer struct {
	h     *History
	ring  *ring.Ring
	now   time.Time // the latest instant applied
	next  uint64    // number of the next event
	taken []entry

	block   *encoding.Writer // of the segment being written; the tables of the Writer are reused for the next segments
	room    int              // length of the last block: the next one is expected to be about as long
	segment *segment         // the segment being written; nil: none, the next entry begins one
	entries int              // in the segment
	saved   int              // entries of the segment that are in its file
	events  uint64           // recorded, not yet in Stats
	failed  uint64           // entries that could not be recorded, not yet in Stats
	file    *file            // of the segment; nil: in memory
	retry   time.Time
	dropped uint64 // entries of the queue, as last reported to Options.Recording
}

func newWriter(h *History) *writer {
	// Instants continue from the last one of the previous run, even if the clock was set back in between: segments are
	// found by their instants.
	w := &writer{h: h, ring: ring.New(h.opt.Ring), now: h.stats.To, next: h.stats.LastSeq + 1, block: encoding.NewWriter()}
	w.block.SetMost(blockMost(h.opt.Recording))
	return w
}

func (w *writer) run() {
	defer close(w.h.ended)
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		var asked chan struct{}
		select {
		case <-w.h.queue.wake:
		case <-tick.C:
			w.flush(false)
		case asked = <-w.h.queue.asked:
		}
		var closed bool
		w.taken, closed = w.h.queue.take(w.taken)
		for i := range w.taken {
			w.record(w.taken[i])
			w.h.queue.done(&w.taken[i])
			if i%entriesAtOnce == entriesAtOnce-1 {
				runtime.Gosched()
			}
		}
		w.weigh()
		w.publish()
		if asked != nil {
			w.flush(true)
			close(asked)
		}
		if closed && len(w.taken) == 0 {
			w.end()
			return
		}
		if closed {
			w.h.queue.signal() // to find the queue empty
		}
	}
}

// record applies an entry to the fold and adds it to the segment.
func (w *writer) record(e entry) {
	if e.event != nil && encoding.Storable(e.event) != nil {
		w.failed++
		return
	}
	if w.segment == nil && !w.begin(e.at) {
		apply(w.ring, e)
		w.failed++
		return
	}
	if _, keep := apply(w.ring, e); !keep {
		return
	}
	if e.at.After(w.now) {
		w.now = e.at
	}
	write(w.block, e)
	w.entries++
	if e.event != nil {
		w.next++
		w.events++
	}
	if w.entries >= w.most() || w.block.Full() || w.now.Sub(w.segment.from) >= maxSegmentAge {
		w.publish()
		w.end()
	}
}

// most returns the number of entries that a segment holds.
func (w *writer) most() int {
	if w.h.opt.segmentEntries > 0 {
		return w.h.opt.segmentEntries
	}
	return max(minSegment, entriesPerMember*w.ring.Len())
}

// begin starts a segment. It fails if its file cannot be made.
func (w *writer) begin(at time.Time) bool {
	if at.Before(w.retry) {
		return false
	}
	if at.After(w.now) {
		w.now = at
	}
	c := &segment{first: w.next, from: w.now, valid: -1}
	w.block.Reset(make([]byte, 0, w.room))
	w.entries, w.saved = 0, 0
	if w.ring.Save(w.block); w.block.Full() || tooMuchOf(w.h.opt.Recording, w.block.Len()) {
		w.crowded()
		return false
	}
	if w.h.opt.Dir != "" {
		if err := w.create(c); err != nil {
			w.fail(err)
			return false
		}
		if !w.retry.IsZero() {
			w.retry = time.Time{}
			w.h.opt.Logf("history: writing has resumed with %s", c.path)
		}
	}
	w.entries, w.saved, w.segment = 0, 0, c
	w.h.mu.Lock()
	w.h.segments = append(w.h.segments, c)
	w.h.mu.Unlock()
	w.publish()
	return true
}

// create makes the segment's file and enters it into the manifest, or neither.
func (w *writer) create(c *segment) error {
	c.number, c.before, c.record = w.h.next, w.h.last, w.h.manifest.name()
	f, err := create(w.h.opt.Dir, c)
	if err != nil {
		return err
	}
	m := w.h.manifest
	if m.Oldest == 0 {
		m.Oldest, m.OldestFrom = c.number, c.from
	}
	m.Newest, m.NewestFrom, m.NewestFirst = c.number, c.from, c.first
	if err := m.write(w.h.opt.Dir); err != nil {
		return errors.Join(err, f.close(), remove(c.path))
	}
	w.file, w.h.manifest = f, m
	w.h.next++
	return nil
}

// publish makes what was recorded visible to queries.
func (w *writer) publish() {
	w.h.mu.Lock()
	defer w.h.mu.Unlock()
	s := &w.h.stats
	s.Events += w.events
	s.Failed += w.failed
	w.events, w.failed = 0, 0
	if w.segment == nil {
		return
	}
	w.segment.data = w.block.Bytes()
	w.segment.size = int64(w.block.Len())
	s.LastSeq, s.To = w.next-1, w.now
}

// flush writes what was recorded to the segment's file, and syncs it if that is due or the caller asks for it.
func (w *writer) flush(sync bool) {
	if w.file == nil {
		return
	}
	err := w.file.write(w.block.Bytes())
	if err == nil && (sync || w.file.due()) {
		err = w.file.sync()
	}
	if err != nil {
		w.fail(err)
		return
	}
	w.saved = w.entries
}

// end closes the segment. If the history is on disk, only the segment's file remains.
func (w *writer) end() {
	if w.segment == nil {
		return
	}
	w.flush(true)
	if w.file != nil {
		if err := w.file.finish(); err != nil {
			w.fail(err)
			return
		}
	}
	w.leave()
	w.forget()
}

// leave releases the segment, complete or not.
func (w *writer) leave() {
	if w.segment == nil {
		return
	}
	w.h.mu.Lock()
	if w.file == nil {
		if data := w.segment.data; cap(data)-len(data) > len(data)/8 {
			w.segment.data = slices.Clone(data) // without the room to grow
		}
	} else {
		end := w.file.end
		w.segment.data, w.segment.size, w.segment.valid, w.segment.sum = nil, end.valid, end.valid, end.sum
		w.h.last = end
	}
	w.h.mu.Unlock()
	if w.file != nil {
		if err := w.file.close(); err != nil {
			w.h.opt.Logf("history: %s: %s", w.segment.path, err)
		}
	}
	w.room = w.block.Len()
	w.file, w.segment = nil, nil
}

// fail gives up the segment. What was already written stays; the next segment begins after retryAfter.
func (w *writer) fail(err error) {
	w.h.opt.Logf("history: cannot write: %s; nothing is recorded for the next %s", err, retryAfter)
	w.retry = w.now.Add(retryAfter)
	w.failed += uint64(w.entries - w.saved)
	w.leave()
}

// forget drops the oldest segments beyond the limits.
func (w *writer) forget() {
	h := w.h
	oldest := w.now.Add(-h.opt.MaxAge)
	h.mu.Lock()
	var total int64
	for _, c := range h.segments {
		total += c.size
	}
	n := 0
	for n < len(h.segments)-1 && (total > h.opt.MaxBytes || h.segments[n+1].from.Before(oldest)) {
		total -= h.segments[n].size
		n++
	}
	gone := h.segments[:n]
	rest := h.segments[n:]
	h.mu.Unlock()
	if n == 0 {
		return
	}
	if err := w.drop(gone, rest); err != nil {
		h.opt.Logf("history: cannot drop old segments: %s", err)
		return
	}
	h.mu.Lock()
	h.segments = slices.Clone(rest)
	h.head = nil
	h.mu.Unlock()
}

// drop deletes the files of old segments. It renames and keeps files that cannot be read, or that there is not enough
// memory to read. It writes the manifest first, so that after a crash in between no segment that the manifest names is
// missing.
func (w *writer) drop(gone, rest []*segment) error {
	if w.h.opt.Dir == "" {
		return nil
	}
	if i := slices.IndexFunc(rest, func(c *segment) bool { return c.number > 0 }); i >= 0 {
		m := w.h.manifest
		m.Oldest, m.OldestFrom = rest[i].number, rest[i].from
		if err := m.write(w.h.opt.Dir); err != nil {
			return err
		}
		w.h.manifest = m
	}
	for _, c := range gone {
		looked := w.h.readable(c.size) == nil
		if looked {
			_, _ = w.h.load(c) // load records what is wrong: the file may have been damaged after it was last read
		}
		w.h.mu.Lock()
		broken := c.broken
		w.h.mu.Unlock()
		var err error
		if broken == nil && looked {
			err = remove(c.path)
		} else {
			_, err = setAside(c.path)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			w.h.opt.Logf("history: %s", err)
		}
	}
	return nil
}
