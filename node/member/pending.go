package member

import (
	"sync"

	"chordconductor/node/chord"
	"chordconductor/node/env"
	"chordconductor/node/nodepb"
)

const (
	// maxPending bounds a member's recursive lookups that wait for their answer. Further ones fail
	// immediately.
	maxPending = 4096
	// maxSpare bounds the waiting records kept for reuse.
	maxSpare = 64
)

// pending is a member's recursive lookups under way.
type pending struct {
	mu    sync.Mutex
	byID  map[uint64]*waiting // guarded by mu; never iterated
	spare []*waiting          // guarded by mu
}

// waiting is one lookup that waits for its answer. pending.mu guards its fields except signal.
type waiting struct {
	signal  env.Signal
	waiting bool // a task waits on the signal
	done    bool
	answer  answered
}

// answered is the result of a lookup: an owner, if one was found, and the path.
type answered struct {
	owner  chord.Peer
	before []*nodepb.Hop // the path as received
	path   []Hop         // the path after that
}

// add makes a waiting record for a lookup, or returns nil at the bound.
func (p *pending) add(id uint64, e env.Env) *waiting {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.byID) >= maxPending {
		return nil
	}
	if p.byID == nil {
		p.byID = make(map[uint64]*waiting)
	}
	var w *waiting
	if n := len(p.spare); n > 0 {
		w, p.spare = p.spare[n-1], p.spare[:n-1]
	} else {
		w = &waiting{signal: e.NewSignal()}
	}
	p.byID[id] = w
	return w
}

// wait marks w as waiting on its signal and returns true, or returns false if the answer has
// already arrived.
func (p *pending) wait(w *waiting) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	w.waiting = !w.done
	return w.waiting
}

// answer passes an answer to the lookup that waits for it, if it still waits. Only the first answer
// counts.
func (p *pending) answer(id uint64, a answered) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w, ok := p.byID[id]; ok && !w.done {
		w.done, w.answer = true, a
		if w.waiting {
			w.signal.Set()
		}
	}
}

// remove ends the wait and returns the answer, if it has arrived. clean means that w's signal is
// not set, so that w may be reused.
func (p *pending) remove(id uint64, w *waiting, clean bool) (a answered, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.byID, id)
	a, ok = w.answer, w.done
	if clean && ok && len(p.spare) < maxSpare {
		w.waiting, w.done, w.answer = false, false, answered{}
		p.spare = append(p.spare, w)
	}
	return a, ok
}
