package replication

import (
	"slices"
	"time"

	"chordconductor/node/chord"
)

// A Replica is a host that holds a replica of the owner's range.
type Replica struct {
	Peer   chord.Peer
	Synced bool  // compared since the range last changed: it holds the same as the owner, and receives every write
	Missed int64 // number of writes that did not reach it, to detect those missed during a comparison
	Lacks  bool  // it had no memory, the reserve included, for what a comparison sent
	Room   int64 // bytes that its host had left for clients' writes, by its latest answer; 0: none, or no answer yet

	Compared bool      // it has held the whole range: what it lacks since are missed writes
	Made     int64     // the value of Missed at the last comparison
	Next     time.Time // when it is compared again at the latest
}

// Replicas are those of a range: the first R-1 hosts of the preference list.
type Replicas []Replica

// Update makes hosts the replicas, and reports whether they have changed.
func (r *Replicas) Update(hosts []chord.Peer) (changed bool) {
	old := *r
	changed = len(old) != len(hosts)
	*r = make(Replicas, len(hosts))
	for i, p := range hosts {
		if before := old.On(p); before != nil {
			(*r)[i] = *before
		} else {
			(*r)[i], changed = Replica{Peer: p}, true
		}
	}
	return changed
}

// On returns the replica on a member, or nil.
func (r Replicas) On(p chord.Peer) *Replica {
	if i := slices.IndexFunc(r, func(h Replica) bool { return h.Peer == p }); i >= 0 {
		return &r[i]
	}
	return nil
}

// AllSynced reports whether all replicas hold the whole range.
func (r Replicas) AllSynced() bool {
	return !slices.ContainsFunc(r, func(h Replica) bool { return !h.Synced })
}

// Unsync notes that all replicas lack a record.
func (r Replicas) Unsync() {
	for i := range r {
		r[i].Synced = false
		r[i].Missed++
	}
}

// Lacks notes that a write did not reach the replica on a member, and reports whether there is one.
func (r Replicas) Lacks(p chord.Peer) bool {
	h := r.On(p)
	if h != nil {
		h.Synced = false
		h.Missed++
	}
	return h != nil
}

// Changed notes that the range has another extent or epoch: equal digests are valid for one only. If it is not a part of
// what it was, no replica has held all of it.
func (r Replicas) Changed(part bool) {
	for i := range r {
		r[i].Synced = false
		r[i].Compared = r[i].Compared && part
	}
}

// Recovered notes that more than was compared may be held here: only a comparison shows how much has arrived.
func (r Replicas) Recovered() {
	for i := range r {
		r[i].Compared = false
	}
}

// Due lists the replicas that must be compared now.
func (r Replicas) Due(now time.Time) (due []Replica) {
	for _, h := range r {
		if !h.Synced || !now.Before(h.Next) {
			due = append(due, h)
		}
	}
	return due
}

// Equal notes that a comparison with a replica, as it was when the comparison began, has found no
// difference. next is the time of the next comparison.
func (r Replicas) Equal(h Replica, next time.Time) {
	now := r.On(h.Peer)
	now.Synced = now.Missed == h.Missed
	now.Compared, now.Made, now.Next = true, h.Missed, next
}

// Count returns how many of the replicas have held the whole range and missed no write since, how many writes the others
// have missed, each of which may concern another key, and how many have never held it, of the number wanted.
func (r Replicas) Count(wanted int) (full, missed int64, wanting int) {
	wanting = wanted
	for _, h := range r {
		switch lacks := h.Missed - h.Made; {
		case !h.Compared:
			continue
		case lacks > 0:
			missed += lacks
		default:
			full++
		}
		wanting--
	}
	return full, missed, wanting
}

// Surplus reports whether what another member holds of the range is not needed: there are as many replicas as wanted, or
// it is on the owner's host, or on that of a replica. One of any other host shows that not all hosts are known here.
func (r Replicas) Surplus(p, self chord.Peer, wanted int) bool {
	return len(r) == wanted || p.Addr == self.Addr || slices.ContainsFunc(r, func(h Replica) bool { return h.Peer.Addr == p.Addr })
}
