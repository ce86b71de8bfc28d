package history

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/metric"

	"chordconductor/conductor/memory"
	"chordconductor/conductor/ring"
	"chordconductor/otel/chordevent"
)

// ErrOutside says that an instant, or an event, is not in the history: too old, or not yet there.
var ErrOutside = errors.New("outside of the history")

// Options are fixed for the life of a History. The zero value keeps 256 MiB in memory.
type Options struct {
	// Ring must be the same as that of the fold whose views are to be seen again.
	Ring ring.Options
	// Dir is where chapters are kept. Empty: in memory. It is made if need be, and locked.
	Dir string
	// MaxAge is how far back the history goes at most. 0: 24 hours.
	MaxAge time.Duration
	// MaxBytes is what the chapters take at most, in memory or on disk. 0: 256 MiB in memory, 4 GiB on disk. The chapter
	// being written is always kept, in memory, whatever its length.
	MaxBytes int64
	// Queue is how many events may wait to be written. 0: 65,536. More are not recorded, and counted in Stats.Dropped.
	Queue int
	// Recording is the memory of what is being recorded, Seeking that of looking back; nil: no bounds in bytes. The fold
	// that Ring bounds is counted in both.
	Recording, Seeking *memory.Share
	// Meter is for what is kept and what could not be; nil: nobody wants to know.
	Meter metric.Meter
	// chapter is how many entries a chapter holds. 0: what minChapter and entriesPerMember say. Tests have small ones.
	chapter int
	// Logf is called, from several goroutines, when writing fails and works again, and for what cannot be read; nil: not.
	Logf func(format string, args ...any)
}

const (
	defaultMaxAge    = 24 * time.Hour
	defaultMemory    = 256 << 20
	defaultDisk      = 4 << 30
	defaultQueue     = 1 << 16
	minSegment       = 10_000 // entries
	entriesPerMember = 10     // a chapter has as many, so that its checkpoint is the smaller part of it
	maxSegmentAge    = 10 * time.Minute
	flushEvery       = 250 * time.Millisecond
	syncEvery        = 500 * time.Millisecond
	retryAfter       = 5 * time.Second // after a failure to write
)

func (o Options) withDefaults() Options {
	if o.MaxAge <= 0 {
		o.MaxAge = defaultMaxAge
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = defaultMemory
		if o.Dir != "" {
			o.MaxBytes = defaultDisk
		}
	}
	if o.Queue <= 0 {
		o.Queue = defaultQueue
	}
	if o.Logf == nil {
		o.Logf = func(string, ...any) {}
	}
	return o
}

// Stats says what a History holds and what it has not been able to keep.
type Stats struct {
	From, To time.Time // what can be seen; zero: nothing yet
	Events   uint64    // recorded since the start of the program
	LastSeq  uint64    // number of the newest event; earlier runs of the program count too
	Dropped  uint64    // entries not recorded: the queue was full, or they came after Close
	Failed   uint64    // entries not recorded: writing to disk failed
	Damaged  int       // damaged stretches known so far, see Damages
	Chapters int
	Bytes    int64 // of all chapters
	Waiting  int   // entries in the queue
}

// A History records, and shows what it has recorded. All its methods may be called at any time, by anyone.
type History struct {
	opt   Options
	queue *queue
	lock  *dirLock      // nil: in memory
	ended chan struct{} // the writer has
	seek  chan struct{} // holds a token; who has it may use cursor

	reader *reader // where the last seek ended; nil: nowhere useful

	checked chan struct{} // the files of earlier runs have been read once

	mu       sync.Mutex
	chapters []*segment // guarded by mu; oldest first, the one being written last
	stats    Stats      // guarded by mu: Events, LastSeq, Failed, To
	head     *Damage    // guarded by mu; chapters are missing before the first; nil: none

	// Once the writer runs, they are its own.
	manifest manifest
	next     uint64 // number of the next chapter
	last     link   // where the last chapter's file ends
}

// Open makes a History that goes on with what the directory holds, if one is given.
func Open(opt Options) (*History, error) {
	opt = opt.withDefaults()
	h := &History{
		opt:   opt,
		queue: newQueue(opt.Queue, queueShare(opt.Recording)),
		ended: make(chan struct{}),
		seek:  make(chan struct{}, 1),
		next:  1,

		checked: make(chan struct{}),
	}
	h.seek <- struct{}{}
	if opt.Dir != "" {
		if err := h.openDir(); err != nil {
			return nil, fmt.Errorf("history in %s: %w", opt.Dir, err)
		}
	}
	if opt.Meter != nil {
		if err := h.instrument(opt.Meter); err != nil {
			return nil, errors.Join(fmt.Errorf("metrics of the history: %w", err), h.unlock())
		}
	}
	w := newWriter(h)
	go w.run()
	go h.verify(slices.Clone(h.chapters))
	return h, nil
}

// Append records an event that arrived at an instant. It never blocks. The event must not be changed afterwards.
func (h *History) Append(ev *chordevent.Event, arrived time.Time) {
	h.queue.put(entry{event: ev, at: arrived})
}

// Advance records that the fold was told what time it is. It never blocks.
func (h *History) Advance(now time.Time) { h.queue.put(entry{at: now}) }

// Flush waits until all that was recorded so far can be seen, and is on disk if there is one.
func (h *History) Flush() { h.queue.flush(h.ended) }

// Close writes what waits, and ends. The past can still be seen afterwards, but for what is in memory only.
func (h *History) Close() error {
	h.queue.close()
	<-h.ended
	<-h.checked
	return h.unlock()
}

// unlock lets go of the directory, if there is one.
func (h *History) unlock() error {
	if h.lock != nil {
		return h.lock.release()
	}
	return nil
}

// Stats says how things stand.
func (h *History) Stats() Stats {
	waiting, dropped := h.queue.state()
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.stats
	s.Waiting, s.Dropped = waiting, dropped
	s.Chapters = len(h.chapters)
	for _, c := range h.chapters {
		s.Bytes += c.size
	}
	if len(h.chapters) > 0 {
		s.From = h.chapters[0].from
	}
	for _, c := range h.chapters {
		if c.broken != nil {
			s.Damaged++
		}
	}
	if h.head != nil {
		s.Damaged++
	}
	return s
}
