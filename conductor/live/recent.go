package live

import (
	"slices"
	"sync"
)

const (
	lookupsKept = 1024
	samplesKept = 3600 // an hour
)

// A recent keeps the last limit values added, numbered 1, 2, 3, …
type recent[T any] struct {
	limit int

	mu     sync.Mutex
	values []T    // guarded by mu; a ring buffer once it is full
	added  uint64 // guarded by mu
}

func (r *recent[T]) add(v T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.values) < r.limit {
		r.values = append(r.values, v)
	} else {
		r.values[r.added%uint64(r.limit)] = v
	}
	r.added++
}

// tail returns the last n values, oldest first.
func (r *recent[T]) tail(n int) []T {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last(n)
}

// since returns the values added after number after, oldest first, and the number of the newest.
func (r *recent[T]) since(after uint64) ([]T, uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last(int(min(r.added-min(after, r.added), uint64(r.limit)))), r.added
}

func (r *recent[T]) last(n int) []T {
	n = min(max(n, 0), len(r.values))
	if len(r.values) < r.limit {
		return slices.Clone(r.values[len(r.values)-n:])
	}
	out := make([]T, 0, n)
	for i := r.added - uint64(n); i < r.added; i++ {
		out = append(out, r.values[i%uint64(r.limit)])
	}
	return out
}
