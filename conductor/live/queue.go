package live

import "sync"

// A queue passes work from many goroutines to the one that folds. It holds at most limit units (events, spans), or a
// single batch that is larger than limit, which would otherwise never be accepted.
type queue[T any] struct {
	limit int
	wake  chan struct{} // shared with Run: something waits

	mu     sync.Mutex
	items  []T // guarded by mu
	spare  []T // guarded by mu; the last slice taken, for reuse
	units  int // guarded by mu; waiting or being folded
	closed bool
}

func newQueue[T any](limit int, wake chan struct{}) *queue[T] {
	return &queue[T]{limit: limit, wake: wake}
}

// put adds an item of n units, n > 0. At the limit it adds nothing and returns ErrFull.
func (q *queue[T]) put(item T, n int) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return ErrClosed
	}
	if q.units > 0 && q.units+n > q.limit {
		return ErrFull
	}
	q.items = append(q.items, item)
	q.units += n
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return nil
}

// take removes and returns all waiting items. The slice is valid until the next call, and the caller must clear the
// items that it has processed, so that their events can be freed. Taken units count towards the limit until done is
// called for them.
func (q *queue[T]) take() []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	taken := q.items
	q.items = q.spare[:0]
	q.spare = taken
	return taken
}

func (q *queue[T]) done(n int) {
	q.mu.Lock()
	q.units -= n
	q.mu.Unlock()
}

func (q *queue[T]) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.units
}

// utilization returns the used share of the limit; it is above 1 while a single batch that is larger than the limit
// waits.
func (q *queue[T]) utilization() float64 { return float64(q.len()) / float64(q.limit) }

// close makes the queue refuse new items; waiting items can still be taken.
func (q *queue[T]) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
}
