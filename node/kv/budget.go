package kv

import (
	"sync"
	"sync/atomic"
	"time"
)

// A HostBudget is the memory limit for records that the members of one host share. Clients' puts
// are refused at the limit. Handoffs, replicas and repair may also use a reserve of a quarter of
// the limit, because they keep what was acknowledged; past the reserve they are refused, too, and
// the source of a handoff keeps its range. Stored records are never dropped for lack of memory.
// room.
//
// Room can be reserved for a record that is still on its way (see reserve.go). Reserved room counts as used until the
// record has arrived or the reservation has lapsed.
type HostBudget struct {
	limit   int64 // bytes; 0: no limit
	reserve int64
	used    atomic.Int64

	mu       sync.Mutex
	reserved []reservation // guarded by mu; oldest first, at most maxReservations
}

// A reservation is room that is held for one record.
type reservation struct {
	id    [requestIDSize]byte
	bytes int64
	until time.Time
}

// maxReservations bounds the reservations of one host. At the bound further ones are refused, as if there were no room.
const maxReservations = 4096

// NewHostBudget returns a budget with a limit in bytes; 0 means no limit.
func NewHostBudget(limit int64) *HostBudget {
	return &HostBudget{limit: limit, reserve: limit / 4}
}

// Used returns the bytes that the host's records take, and those reserved.
func (b *HostBudget) Used() int64 { return b.used.Load() }

// purpose is what memory is requested for.
type purpose bool

const (
	forClient purpose = false // a client's write may use memory up to the limit
	forKeeps  purpose = true  // what has been acknowledged may use the reserve, too
)

// take requests n bytes more. A negative n always succeeds.
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

// maxRoom is the room that a host without a limit reports.
const maxRoom = 1 << 40

// room returns how many bytes clients' writes may still take.
func (b *HostBudget) room(now time.Time) int64 {
	if b.limit == 0 {
		return maxRoom
	}
	b.lapse(now)
	return min(max(0, b.limit-b.used.Load()), maxRoom)
}

// hold reserves n bytes (none, if n is not positive) under an ID until a time. The latest reservation of an ID replaces
// earlier ones.
func (b *HostBudget) hold(id [requestIDSize]byte, n int64, why purpose, now, until time.Time) bool {
	b.lapse(now)
	b.redeem(id)
	if b.limit == 0 || n <= 0 {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.reserved) == maxReservations || !b.take(n, why) {
		return false
	}
	b.reserved = append(b.reserved, reservation{id, n, until})
	return true
}

// redeem ends a reservation and returns its bytes.
func (b *HostBudget) redeem(id [requestIDSize]byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, r := range b.reserved {
		if r.id == id {
			b.used.Add(-r.bytes)
			b.reserved = append(b.reserved[:i], b.reserved[i+1:]...)
			return
		}
	}
}

// lapse ends the reservations whose time is over.
func (b *HostBudget) lapse(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	kept := b.reserved[:0]
	for _, r := range b.reserved {
		if now.Before(r.until) {
			kept = append(kept, r)
		} else {
			b.used.Add(-r.bytes)
		}
	}
	b.reserved = kept
}
