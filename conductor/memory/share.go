package memory

import "sync/atomic"

// A Share is the memory of one part. The nil Share has no limit; parts in tests use it. A Share is safe for concurrent
// use.
type Share struct {
	name    string
	limit   int64
	used    atomic.Int64
	refused atomic.Uint64
}

// NewShare returns a share that belongs to no budget.
func NewShare(name string, limit int64) *Share { return &Share{name: name, limit: limit} }

// Take reserves n bytes, or none if that is more than is left. Give returns them.
func (s *Share) Take(n int64) bool { return s.TakeBelow(n, s.Limit()) }

// TakeBelow is like Take, with a bound below the limit, so that the rest remains for others.
func (s *Share) TakeBelow(n, bound int64) bool {
	if s.take(n, bound) {
		return true
	}
	s.refused.Add(1)
	return false
}

func (s *Share) take(n, bound int64) bool {
	if s == nil || n <= 0 {
		return true
	}
	for {
		used := s.used.Load()
		if n > bound-used {
			return false
		}
		if s.used.CompareAndSwap(used, used+n) {
			return true
		}
	}
}

// Hold takes n bytes even if fewer are left, for a part that then drops something: see Full.
func (s *Share) Hold(n int64) {
	if s != nil {
		s.used.Add(n)
	}
}

// Give returns n bytes that were taken.
func (s *Share) Give(n int64) {
	if s != nil && n > 0 {
		s.used.Add(-n)
	}
}

// Set sets the use to n, for a part that counts its memory itself.
func (s *Share) Set(n int64) {
	if s != nil {
		s.used.Store(n)
	}
}

// Refuse counts one request or record that the part dropped, or did not accept, for lack of memory.
func (s *Share) Refuse() { s.RefuseAll(1) }

// RefuseAll counts n requests or records, like Refuse.
func (s *Share) RefuseAll(n uint64) {
	if s != nil {
		s.refused.Add(n)
	}
}

// Full reports whether more is used than the limit, for a part that reduces its use itself.
func (s *Share) Full() bool { return s != nil && s.used.Load() > s.limit }

// Limit returns the greatest use, in bytes; 0: there is no limit.
func (s *Share) Limit() int64 {
	if s == nil {
		return 0
	}
	return s.limit
}

// Used returns the number of bytes taken.
func (s *Share) Used() int64 {
	if s == nil {
		return 0
	}
	return s.used.Load()
}

// Usage is the present use of a share.
type Usage struct {
	Part    string `json:"part"`
	Used    int64  `json:"used_bytes"`
	Limit   int64  `json:"limit_bytes"`
	Refused uint64 `json:"refused"` // times that the part dropped something for lack of memory
}

func (s *Share) usage() Usage {
	return Usage{Part: s.name, Used: s.used.Load(), Limit: s.limit, Refused: s.refused.Load()}
}
