package ingest

import (
	"sync"

	"chordconductor/conductor/memory"
)

// A ledger counts the memory of the requests in a forwarding queue. The queue itself counts their bytes as sent.
// Decoded, a request takes up to thirty times as much; the scan (otlpscan) has measured that for each request. Requests
// leave the queue in about the order in which they arrived, so the queue holds the newest requests whose sizes add up
// to the queue's size.
type ledger struct {
	share *memory.Share // of all queues; it counts dropped requests; nil: only the bound of the queue itself applies
	limit int64         // of this queue

	mu      sync.Mutex
	entries []queued // guarded by mu; the oldest first. As many as the queue has
	size    int64    // guarded by mu; of all entries, in bytes as sent
	memory  int64    // guarded by mu; decoded
}

type queued struct{ size, memory int64 }

// settle removes the entries of requests that have left the queue.
func (l *ledger) settle(inQueue int64) {
	for len(l.entries) > 0 && l.size-l.entries[0].size >= inQueue {
		l.size -= l.entries[0].size
		l.memory -= l.entries[0].memory
		l.entries = l.entries[1:]
	}
	if len(l.entries) == 0 {
		l.entries = nil
	}
}

// add enters a request and puts it into the queue, or returns false if no memory is left for it.
func (l *ledger) add(inQueue func() int64, size, memory int64, put func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.settle(inQueue())
	if memory > l.limit-l.memory {
		l.share.Refuse()
		return false
	}
	l.entries = append(l.entries, queued{size, memory})
	l.size += size
	l.memory += memory
	put() // does not block: a full queue drops
	return true
}

// held returns the memory of the requests in the queue, in bytes.
func (l *ledger) held(inQueue int64) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.settle(inQueue)
	return l.memory
}
