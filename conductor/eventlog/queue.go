package eventlog

import (
	"sync"
	"time"
	"unsafe"

	"chordconductor/conductor/memory"
	"chordconductor/otel/chordevent"
)

// entrySize is the memory that an entry takes beside its event.
const entrySize = int64(2 * unsafe.Sizeof(entry{}))

// An entry is one input of the fold: an event that arrived, or an Advance.
type entry struct {
	event *chordevent.Event // nil: an Advance
	at    time.Time
	bytes int64 // memory that the entry takes while it waits
}

// A queue holds entries until the writer takes them: at most limit entries, and at most as many bytes as the memory
// share has.
type queue struct {
	limit  int
	memory *memory.Share      // nil: only their number is bounded
	wake   chan struct{}      // something waits, or the queue is closed
	asked  chan chan struct{} // closed by the writer when all that waited before is written

	mu      sync.Mutex
	waiting []entry // guarded by mu
	dropped uint64  // guarded by mu
	closed  bool    // guarded by mu
}

func newQueue(limit int, memory *memory.Share) *queue {
	return &queue{limit: limit, memory: memory, wake: make(chan struct{}, 1), asked: make(chan chan struct{})}
}

// put adds an entry. If there is no room it is dropped and counted.
func (q *queue) put(e entry) {
	if q.memory != nil {
		e.bytes = entrySize
		if e.event != nil {
			e.bytes += e.event.MemorySize()
		}
	}
	q.mu.Lock()
	if q.closed || len(q.waiting) >= q.limit || !q.memory.Take(e.bytes) {
		q.dropped++
		q.mu.Unlock()
		return
	}
	q.waiting = append(q.waiting, e)
	first := len(q.waiting) == 1
	q.mu.Unlock()
	if first {
		q.signal()
	}
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take returns all waiting entries and whether the queue is closed; the queue fills buffer from then on. An entry that
// was taken counts towards the limit until done is called for it.
func (q *queue) take(buffer []entry) ([]entry, bool) {
	clear(buffer)
	q.mu.Lock()
	defer q.mu.Unlock()
	taken := q.waiting
	q.waiting = buffer[:0]
	return taken, q.closed
}

// done releases an entry that was taken.
func (q *queue) done(e *entry) {
	q.memory.Give(e.bytes)
	e.event = nil
}

func (q *queue) flush(ended <-chan struct{}) {
	done := make(chan struct{})
	select {
	case q.asked <- done:
		<-done
	case <-ended:
	}
}

func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.signal()
}

func (q *queue) state() (waiting int, dropped uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting), q.dropped
}
