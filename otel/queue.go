package otel

// recordQueue is a ring of at most limit records. When it is full, a new record overwrites the oldest. Memory grows by
// doubling and is given back when the queue runs empty. Not safe for concurrent use.
type recordQueue struct {
	limit int
	ring  []emitted
	head  uint64 // records taken or overwritten so far: the position of the oldest
	tail  uint64 // records pushed so far
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

// take moves up to max records, the oldest first, to the end of dst.
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
