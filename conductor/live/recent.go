package live

import (
	"sync"

	"chordconductor/conductor/lookups"
)

const (
	lookupsKept = 1024
	samplesKept = 3600 // an hour

	// Some lookups of each advanceEvery are kept for the page's view of the past: in a calm ring those of an hour, at
	// worst those of ten minutes. They take some 10 MB.
	lookupsRemembered = 1 << 14
	memorableTrouble  = 4 // at most that many lookups that met timeouts or failed, and one of the others
)

// memorable selects, from lookups that arrived together, those to keep.
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

// A recent keeps the last limit values added, numbered 1, 2, 3, …, or fewer of them if they take more than most bytes.
type recent[T any] struct {
	limit int
	most  int64          // 0: only their number is bounded
	size  func(*T) int64 // of a value; nil if most is 0

	mu      sync.Mutex
	values  []T    // guarded by mu; number n is at (n-1) % limit
	added   uint64 // guarded by mu
	gone    uint64 // guarded by mu; the number of values dropped from the front
	bytes   int64  // guarded by mu; of the values
	crowded uint64 // guarded by mu; values dropped for lack of memory
}

func (r *recent[T]) add(v T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.added-r.gone == uint64(r.limit) {
		r.drop()
	}
	if r.most > 0 {
		n := r.size(&v)
		for r.gone < r.added && r.bytes+n > r.most {
			r.drop()
			r.crowded++
		}
		r.bytes += n
	}
	if len(r.values) < r.limit {
		r.values = append(r.values, v)
	} else {
		r.values[r.added%uint64(r.limit)] = v
	}
	r.added++
}

// drop removes the oldest value.
func (r *recent[T]) drop() {
	var none T
	at := r.gone % uint64(r.limit)
	if r.most > 0 {
		r.bytes -= r.size(&r.values[at])
	}
	r.values[at] = none
	r.gone++
}

// held returns the memory of the values, and the number of values dropped for lack of memory.
func (r *recent[T]) held() (bytes int64, crowded uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.bytes, r.crowded
}

// tail returns the last n values, oldest first.
func (r *recent[T]) tail(n int) []T {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last(n)
}

// since returns the values added after number after, oldest first, and the number of the newest value.
func (r *recent[T]) since(after uint64) ([]T, uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last(int(min(r.added-min(after, r.added), uint64(r.limit)))), r.added
}

func (r *recent[T]) last(n int) []T {
	n = min(max(n, 0), int(r.added-r.gone))
	out := make([]T, 0, n)
	for i := r.added - uint64(n); i < r.added; i++ {
		out = append(out, r.values[i%uint64(r.limit)])
	}
	return out
}
