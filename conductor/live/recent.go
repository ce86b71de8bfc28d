package live

import (
	"slices"
	"sync"

	"chordconductor/conductor/lookups"
)

const (
	lookupsKept = 1024
	samplesKept = 3600 // an hour

	// Of lookups, some of each advanceEvery are remembered for the page's view of the past: in a calm ring an hour of
	// them, in the worst of times ten minutes. They take some 10 MB.
	lookupsRemembered = 1 << 14
	memorableTrouble  = 4 // at most, of those that met timeouts or failed, and one of the others
)

// memorable picks of the lookups that came together those that are remembered.
func memorable(found []lookups.Lookup) []lookups.Lookup {
	var out, fine []lookups.Lookup
	for _, f := range found {
		if f.Outcome == lookups.Success {
			fine = append(fine, f)
		} else if len(out) < memorableTrouble {
			out = append(out, f)
		}
	}
	if len(fine) > 0 {
		out = append(out, fine[len(fine)/2])
	}
	return out
}

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
