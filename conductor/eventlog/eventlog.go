package eventlog

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

// ErrOutside is the error for an instant, or an event, that is not in the history: too old, or not recorded yet.
var ErrOutside = errors.New("the history does not have this instant or event")

// Options do not change during the use of a History. The zero value keeps 256 MiB in memory.
type Options struct {
	// Ring must be the same as that of the fold whose views are to be shown again.
	Ring ring.Options
	// Dir is the directory of the segments. It is made if need be, and locked. If Dir is empty, the segments are kept
	// in memory.
	Dir string
	// MaxAge is the greatest age of what is kept. 0: 24 hours.
	MaxAge time.Duration
	// MaxBytes bounds the segments, in memory or on disk. 0: 256 MiB in memory, 4 GiB on disk. The segment being
	// written is always kept, in memory, whatever its length.
	MaxBytes int64
	// Queue bounds the events that wait to be written. 0: 65,536. Events beyond it are not recorded; Stats.Dropped
	// counts them.
	Queue int
	// Recording is the memory for recording, Seeking the memory for queries of the past; nil: no bounds in bytes. Each
	// of the two includes the memory of a fold, which Ring bounds.
	Recording, Seeking *memory.Share
	// Meter makes the metrics of the recorded entries and of those that could not be recorded; nil: no metrics.
	Meter metric.Meter
	// segmentEntries is the number of entries that a segment holds. 0: as minSegment and entriesPerMember determine.
	// Tests set a small number.
	segmentEntries int
	// Logf is called, from several goroutines, when writing fails or works again, and for what cannot be read; nil:
	// nothing is logged.
	Logf func(format string, args ...any)
}

const (
	defaultMaxAge    = 24 * time.Hour
	defaultMemory    = 256 << 20
	defaultDisk      = 4 << 30
	defaultQueue     = 1 << 16
	minSegment       = 10_000 // entries
	entriesPerMember = 10     // a segment has that many entries per member, so that its checkpoint is the smaller part of it
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

// Stats has the sizes of what a History holds, and the numbers of entries that it could not record.
type Stats struct {
	From, To time.Time // what can be shown; zero: nothing yet
	Events   uint64    // recorded since the start of the program
	LastSeq  uint64    // number of the newest event, counted over all runs of the program
	Dropped  uint64    // entries not recorded: the queue was full, or the entries came after Close
	Failed   uint64    // entries not recorded: writing to disk failed
	Damaged  int       // damaged parts known so far, see Damages
	Segments int
	Bytes    int64 // of all segments
	Waiting  int   // entries in the queue
}

// A History records, and shows what it has recorded. All its methods are safe for concurrent use.
type History struct {
	opt   Options
	queue *queue
	lock  *dirLock      // nil: in memory
	ended chan struct{} // the writer has
	seek  chan struct{} // holds one token; the seek that has taken it may use reader

	reader *reader // where the last seek ended; nil: nowhere useful

	checked chan struct{} // the files of earlier runs have been read once

	mu       sync.Mutex
	segments []*segment // guarded by mu; oldest first, the one being written last
	stats    Stats      // guarded by mu: Events, LastSeq, Failed, To
	head     *Damage    // guarded by mu; segments are missing before the first; nil: none

	// Once the writer runs, only the writer uses these fields.
	manifest manifest
	next     uint64 // number of the next segment
	last     link   // where the last segment's file ends
}

// Open returns a History that continues the one in the directory, if a directory is given.
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
			return nil, fmt.Errorf("cannot open the history in %s: %w", opt.Dir, err)
		}
	}
	if opt.Meter != nil {
		if err := h.instrument(opt.Meter); err != nil {
			return nil, errors.Join(fmt.Errorf("cannot create the metrics of the history: %w", err), h.unlock())
		}
	}
	w := newWriter(h)
	go w.run()
	go h.verify(slices.Clone(h.segments))
	return h, nil
}

// Append records an event that arrived at an instant. It never blocks. The event must not be changed afterwards.
func (h *History) Append(ev *chordevent.Event, arrived time.Time) {
	h.queue.put(entry{event: ev, at: arrived})
}

// Advance records an Advance of the fold. It never blocks.
func (h *History) Advance(now time.Time) { h.queue.put(entry{at: now}) }

// Flush waits until everything recorded so far can be queried and, if there is a directory, is on disk.
func (h *History) Flush() { h.queue.flush(h.ended) }

// Close writes what waits, and ends the recording. The past can still be queried afterwards, except for what was in
// memory only.
func (h *History) Close() error {
	h.queue.close()
	<-h.ended
	<-h.checked
	return h.unlock()
}

// unlock releases the directory, if there is one.
func (h *History) unlock() error {
	if h.lock != nil {
		return h.lock.release()
	}
	return nil
}

// Stats returns the present numbers.
func (h *History) Stats() Stats {
	waiting, dropped := h.queue.state()
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.stats
	s.Waiting, s.Dropped = waiting, dropped
	s.Segments = len(h.segments)
	for _, c := range h.segments {
		s.Bytes += c.size
	}
	if len(h.segments) > 0 {
		s.From = h.segments[0].from
	}
	for _, c := range h.segments {
		if c.broken != nil {
			s.Damaged++
		}
	}
	if h.head != nil {
		s.Damaged++
	}
	return s
}
