package load

import (
	"sync"
	"time"

	"chordconductor/node/nodepb"
)

// An Oracle keeps the greatest acknowledged version of each key, and judges reads by it. A read may also return a later
// write whose outcome is unknown; that is not an error. To return a write that was refused is an error. The ring does
// not promise linearizability, so the Oracle judges no more than this.
//
// It takes one entry of some 60 bytes per key of the workload, whose number scenario.MaxKeys bounds, and memory for
// refused writes and for replicas (see refusals and replicaSets).
type Oracle struct {
	mu          sync.Mutex
	replicas    int32 // replicas of a fully replicated write
	keys        []promise
	written     int // keys with an acknowledged write
	missing     int // keys whose latest read did not return the promised version
	silent      int // the missing keys whose latest read had no answer
	refusals    refusals
	replicaSets replicaSets
}

type promise struct {
	version  uint64 // greatest acknowledged; 0: none
	replicas int32  // replicas that the acknowledgement of that version counted
	missing  bool
	silent   bool // and the latest read had no answer at all
	older    bool // and the latest read returned an older write
	last     lastWrite
}

// newOracle returns an oracle for n keys of a ring in which a fully replicated write has that many replicas.
func newOracle(n, replicas int) *Oracle {
	return &Oracle{replicas: int32(replicas), keys: make([]promise, n), refusals: newRefusals()}
}

// acknowledged records the answer to a put.
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
	p.version, p.replicas, p.last = version, answer.GetCopies(), o.replicaSets.writeOf(answer, at)
	o.set(p, false, false)
}

// promised returns the version that a read which starts now must return at least; 0 if there is none.
func (o *Oracle) promised(key int) uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.keys[key].version
}

// read judges a read's answer (version 0: not found) by the version that was promised when the read started.
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

// begin records the number of a write before its request is sent.
func (o *Oracle) begin(write uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.refusals.begin(write)
}

// end records that a write has been answered, or never will be.
func (o *Oracle) end(write uint64, refused bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.refusals.end(write, refused)
}

// shown judges the write whose value a read has returned.
func (o *Oracle) shown(write uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.refusals.shown(write)
}

// unanswered records that a promised key could not be read: to a client the key is lost.
func (o *Oracle) unanswered(key int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.set(&o.keys[key], true, true)
}

// set changes a key's state, and the sums. The caller holds o.mu.
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

// Verdict counts the keys by the oracle's judgement.
type Verdict struct {
	Written    int `json:"written"`    // keys with an acknowledged write
	Lost       int `json:"lost"`       // written keys whose latest read did not return the promised version
	Unanswered int `json:"unanswered"` // of the lost: that read had no answer, so the write may be there
	Weak       int `json:"weak"`       // of the lost: acknowledged with fewer replicas than the ring's, by the answer
	Refused    int `json:"refused"`    // refused writes whose value a read has returned nevertheless
}

// Verdict counts the keys: while the load runs, by the latest read of each; after a sweep, every key has been read.
func (o *Oracle) Verdict() Verdict {
	o.mu.Lock()
	defer o.mu.Unlock()
	v := Verdict{Written: o.written, Lost: o.missing, Unanswered: o.silent, Refused: o.refusals.found}
	if o.missing == 0 {
		return v
	}
	for _, p := range o.keys {
		if p.missing && p.replicas < o.replicas {
			v.Weak++
		}
	}
	return v
}
