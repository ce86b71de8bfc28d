package load

import (
	"sync"
	"time"

	"chordconductor/node/nodepb"
)

// An Oracle remembers what the ring has promised: of each key the greatest version that was acknowledged. It judges
// reads by it. A read may also show a later write whose outcome is unknown; that is no error. To show a write that was refused
// is one. Linearizability is not promised, so no more than this is judged.
//
// Its memory is one entry of some 60 bytes per key of the workload, whose number is bounded by scenario.MaxKeys, and what it
// remembers of refused writes and of holders (see refusals and holderSets).
type Oracle struct {
	mu       sync.Mutex
	replicas int32 // how many copies make a full promise
	keys     []promise
	written  int // keys with a promise
	missing  int // keys whose latest read did not show the promise
	silent   int // of these: it had no answer
	refusals refusals
	holders  holderSets
}

type promise struct {
	version uint64 // greatest acknowledged; 0: none
	copies  int32  // that its acknowledgement spoke of
	missing bool
	silent  bool // and the latest read had no answer at all
	older   bool // and it showed an older write
	last    lastWrite
}

// newOracle makes an oracle for n keys, of which a full promise names so many replicas.
func newOracle(n, replicas int) *Oracle {
	return &Oracle{replicas: int32(replicas), keys: make([]promise, n), refusals: newRefusals()}
}

// acknowledged takes note of a put's answer.
func (o *Oracle) acknowledged(key int, answer *nodepb.PutResponse, at time.Time) {
	version := answer.GetVersion()
	o.mu.Lock()
	defer o.mu.Unlock()
	p := &o.keys[key]
	if version <= p.version {
		return
	}
	if p.version == 0 {
		o.written++
	}
	p.version, p.copies, p.last = version, answer.GetCopies(), o.holders.writeOf(answer, at)
	o.set(p, false, false)
}

// promised returns the version that a read which starts now must show at least; 0 if none.
func (o *Oracle) promised(key int) uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.keys[key].version
}

// read judges a read's answer (version 0: not found) against what was promised when it started.
func (o *Oracle) read(key int, promised, version uint64) (stale bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	p := &o.keys[key]
	if version >= p.version {
		o.set(p, false, false)
	} else if version < promised {
		o.set(p, true, false)
		p.older = version > 0
	}
	return version < promised
}

// begin notes a write, by its number, before its request is sent.
func (o *Oracle) begin(write uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.refusals.begin(write)
}

// end notes that a write has been answered, or never will be.
func (o *Oracle) end(write uint64, refused bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.refusals.end(write, refused)
}

// shown judges the write that a read has shown.
func (o *Oracle) shown(write uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.refusals.shown(write)
}

// unanswered takes note that a promised key could not be read: for all that a client can tell, it is not there.
func (o *Oracle) unanswered(key int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.set(&o.keys[key], true, true)
}

// set changes a key and the sums. o.mu is held.
func (o *Oracle) set(p *promise, missing, silent bool) {
	count := func(sum *int, was, is bool) {
		if was {
			*sum--
		}
		if is {
			*sum++
		}
	}
	count(&o.missing, p.missing, missing)
	count(&o.silent, p.silent, silent)
	p.missing, p.silent = missing, silent
}

// Verdict is what the oracle knows of the keys.
type Verdict struct {
	Written    int `json:"written"`    // keys with an acknowledged write
	Lost       int `json:"lost"`       // of these: the latest read did not show it
	Unanswered int `json:"unanswered"` // of the lost: that read had no answer, so the write may be there
	Weak       int `json:"weak"`       // of the lost: acknowledged with fewer copies than the ring's replicas, as the answer said
	Refused    int `json:"refused"`    // writes that were refused, and that a read has shown all the same
}

// Verdict counts the keys as they stand: while the load runs, by their latest read; after a sweep, all of them.
func (o *Oracle) Verdict() Verdict {
	o.mu.Lock()
	defer o.mu.Unlock()
	v := Verdict{Written: o.written, Lost: o.missing, Unanswered: o.silent, Refused: o.refusals.found}
	if o.missing == 0 {
		return v
	}
	for _, p := range o.keys {
		if p.missing && p.copies < o.replicas {
			v.Weak++
		}
	}
	return v
}
