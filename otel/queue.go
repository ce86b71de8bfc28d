package otel

// recordQueue is a ring buffer of at most limit records. When it is full, a new record overwrites
// the oldest one. Its memory grows by doubling, and is released when the queue becomes empty. It is
// not safe for concurrent use.
type recordQueue struct {
	limit int
	ring  []emitted
	head  uint64 // number of records taken or overwritten so far, which is the position of the oldest record
	tail  uint64 // number of records pushed so far
}

const smallRing = 1024

func (q *recordQueue) len() int { return int(q.tail - q.head) }

// push adds a record, and reports whether it overwrote the oldest one.
func (q *recordQueue) push(e emitted) (overwrote bool) {
	if q.len() == len(q.ring) {
		if len(q.ring) == q.limit {
			q.head++
			overwrote = true
		} else {
			q.grow()
		}
	}
	q.ring[q.tail%uint64(len(q.ring))] = e
	q.tail++
	return overwrote
}

func (q *recordQueue) grow() {
	bigger := make([]emitted, min(max(2*len(q.ring), min(smallRing, q.limit)), q.limit))
	for at := q.head; at < q.tail; at++ {
		bigger[at%uint64(len(bigger))] = q.ring[at%uint64(len(q.ring))]
	}
	q.ring = bigger
}

// take removes up to most records, the oldest first, and appends them to dst.
func (q *recordQueue) take(dst []emitted, most int) []emitted {
	for n := min(most, q.len()); n > 0; n-- {
		slot := &q.ring[q.head%uint64(len(q.ring))]
		dst = append(dst, *slot)
		*slot = emitted{}
		q.head++
	}
	if q.len() == 0 && len(q.ring) > smallRing {
		q.ring = nil
	}
	return dst
}
