package history

import (
	"errors"
	"io/fs"
	"runtime"
	"slices"
	"time"

	"chordconductor/conductor/pack"
	"chordconductor/conductor/ring"
)

// entriesAtOnce is how many entries are recorded, or gone through in a look back, before others run: the present comes
// first, and the scheduler by itself would have it wait for 10 ms.
const entriesAtOnce = 64

// A writer is the goroutine that records. Everything in it is its own.
type writer struct {
	h     *History
	ring  *ring.Ring
	now   time.Time // the latest instant told
	next  uint64    // number of the next event
	taken []entry

	block   *pack.Writer // of the chapter; its tables serve one chapter after the other
	room    int          // the last block's length, which the next will about have
	chapter *chapter     // being written; nil: none, the next entry begins one
	entries int          // in it
	saved   int          // of these, in its file
	events  uint64       // recorded, not yet told to Stats
	failed  uint64       // the same, of entries that could not be
	file    *file        // of the chapter; nil: in memory
	retry   time.Time
	dropped uint64 // entries of the queue, as last reported to Options.Recording
}

func newWriter(h *History) *writer {
	// Instants go on from the last run's, even if the clock was set back in between: chapters are found by them.
	w := &writer{h: h, ring: ring.New(h.opt.Ring), now: h.stats.To, next: h.stats.LastSeq + 1, block: pack.NewWriter()}
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

// record tells the fold of an entry and keeps it.
func (w *writer) record(e entry) {
	if e.event != nil && pack.Storable(e.event) != nil {
		w.failed++
		return
	}
	if w.chapter == nil && !w.begin(e.at) {
		tell(w.ring, e)
		w.failed++
		return
	}
	if _, keep := tell(w.ring, e); !keep {
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
	if w.entries >= w.most() || w.block.Full() || w.now.Sub(w.chapter.from) >= maxChapterAge {
		w.publish()
		w.end()
	}
}

// most is how many entries a chapter holds.
func (w *writer) most() int {
	if w.h.opt.chapter > 0 {
		return w.h.opt.chapter
	}
	return max(minChapter, entriesPerMember*w.ring.Len())
}

// begin starts a chapter. It fails if its file cannot be made.
func (w *writer) begin(at time.Time) bool {
	if at.Before(w.retry) {
		return false
	}
	if at.After(w.now) {
		w.now = at
	}
	c := &chapter{first: w.next, from: w.now, valid: -1}
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
			w.h.opt.Logf("history: writing works again, from %s on", c.path)
		}
	}
	w.entries, w.saved, w.chapter = 0, 0, c
	w.h.mu.Lock()
	w.h.chapters = append(w.h.chapters, c)
	w.h.mu.Unlock()
	w.publish()
	return true
}

// create makes the chapter's file and enters it into the manifest, or neither.
func (w *writer) create(c *chapter) error {
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

// publish lets what was recorded be seen.
func (w *writer) publish() {
	w.h.mu.Lock()
	defer w.h.mu.Unlock()
	s := &w.h.stats
	s.Events += w.events
	s.Failed += w.failed
	w.events, w.failed = 0, 0
	if w.chapter == nil {
		return
	}
	w.chapter.data = w.block.Bytes()
	w.chapter.size = int64(w.block.Len())
	s.LastSeq, s.To = w.next-1, w.now
}

// flush writes what was recorded to the chapter's file, and syncs it when that is due, or at once.
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

// end closes the chapter. On disk, its file is all that remains of it.
func (w *writer) end() {
	if w.chapter == nil {
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

// leave lets go of the chapter, finished or not.
func (w *writer) leave() {
	if w.chapter == nil {
		return
	}
	w.h.mu.Lock()
	if w.file == nil {
		if data := w.chapter.data; cap(data)-len(data) > len(data)/8 {
			w.chapter.data = slices.Clone(data) // without the room to grow
		}
	} else {
		end := w.file.end
		w.chapter.data, w.chapter.size, w.chapter.valid, w.chapter.sum = nil, end.valid, end.valid, end.sum
		w.h.last = end
	}
	w.h.mu.Unlock()
	if w.file != nil {
		if err := w.file.close(); err != nil {
			w.h.opt.Logf("history: %s: %s", w.chapter.path, err)
		}
	}
	w.room = w.block.Len()
	w.file, w.chapter = nil, nil
}

// fail gives a chapter up. What was written of it stays; the next one is begun a while later.
func (w *writer) fail(err error) {
	w.h.opt.Logf("history: %s; nothing is recorded for %s", err, retryAfter)
	w.retry = w.now.Add(retryAfter)
	w.failed += uint64(w.entries - w.saved)
	w.leave()
}

// forget drops the oldest chapters beyond the limits.
func (w *writer) forget() {
	h := w.h
	oldest := w.now.Add(-h.opt.MaxAge)
	h.mu.Lock()
	var total int64
	for _, c := range h.chapters {
		total += c.size
	}
	n := 0
	for n < len(h.chapters)-1 && (total > h.opt.MaxBytes || h.chapters[n+1].from.Before(oldest)) {
		total -= h.chapters[n].size
		n++
	}
	gone := h.chapters[:n]
	rest := h.chapters[n:]
	h.mu.Unlock()
	if n == 0 {
		return
	}
	if err := w.drop(gone, rest); err != nil {
		h.opt.Logf("history: %s; nothing is dropped", err)
		return
	}
	h.mu.Lock()
	h.chapters = slices.Clone(rest)
	h.head = nil
	h.mu.Unlock()
}

// drop deletes the files of chapters. Those that cannot be read are set aside, and so are those that there is no memory to
// read. The manifest comes first, so that a crash on the way leaves no chapter that it misses.
func (w *writer) drop(gone, rest []*chapter) error {
	if w.h.opt.Dir == "" {
		return nil
	}
	if i := slices.IndexFunc(rest, func(c *chapter) bool { return c.number > 0 }); i >= 0 {
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
			_, _ = w.h.load(c) // what is wrong is noted: nothing may have read the file since it was damaged
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
