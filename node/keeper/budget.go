package keeper

import "sync/atomic"

// A HostBudget is the memory limit for records that the members of one host share. Clients' puts end at the limit.
// Handovers, copies and repair may go on into a reserve of a quarter more, since they keep what was promised; past the
// reserve they are refused, and whoever wanted to hand over keeps what it has. Nothing stored is ever dropped for room.
type HostBudget struct {
	limit   int64 // bytes; 0: none
	reserve int64
	used    atomic.Int64
}

// NewHostBudget makes a limit of so many bytes; 0 is none.
func NewHostBudget(limit int64) *HostBudget {
	return &HostBudget{limit: limit, reserve: limit / 4}
}

// Used is the bytes that the host's records take.
func (b *HostBudget) Used() int64 { return b.used.Load() }

// purpose is what memory is wanted for.
type purpose bool

const (
	forClient purpose = false // a client's write: up to the limit
	forKeeps  purpose = true  // what has been promised: up to the reserve's end
)

// take asks for n bytes more. What gives bytes back always may.
func (b *HostBudget) take(n int64, why purpose) bool {
	bound := b.limit
	if why == forKeeps {
		bound += b.reserve
	}
	for {
		used := b.used.Load()
		if b.limit > 0 && n > 0 && used+n > bound {
			return false
		}
		if b.used.CompareAndSwap(used, used+n) {
			return true
		}
	}
}

// full reports whether clients' writes are at their limit.
func (b *HostBudget) full() bool { return b.limit > 0 && b.used.Load() >= b.limit }
