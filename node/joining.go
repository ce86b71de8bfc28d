package main

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/env/grpcenv"
)

// joining watches the members find their places.
type joining struct {
	o      *options
	via    string        // whom; empty: the host's first member makes a new ring
	joined chan struct{} // closed when the first has its place
	isDone atomic.Bool
	last   atomic.Pointer[error]    // why the latest try failed; nil: none has yet
	speaks atomic.Pointer[chord.ID] // the member whose try failed first: it speaks for the host
}

func newJoining(o *options) *joining {
	return &joining{o: o, via: strings.Join(o.join, ","), joined: make(chan struct{})}
}

func (j *joining) done(e *grpcenv.Env) {
	if j.isDone.CompareAndSwap(false, true) {
		e.SetReady(true)
		close(j.joined)
		say("on the ring")
	}
}

// failed says why a join is retried: for one member, since what it meets all of the host's meet, and not every time, since
// tries are frequent and patient.
func (j *joining) failed(self chord.Peer, try int, err error) {
	j.last.Store(&err)
	j.speaks.CompareAndSwap(nil, &self.ID)
	founding := j.via == "" // then the others wait for the first to have made the ring, which takes no time worth a word
	if !founding && !j.isDone.Load() && *j.speaks.Load() == self.ID && try&(try-1) == 0 {
		say("cannot join through %s yet (try %d): %s", j.via, try, oneLine(err))
	}
}

// wait returns when a member has its place, or ctx has ended, or an error when nobody could be joined in time.
func (j *joining) wait(ctx context.Context) error {
	timer := time.NewTimer(j.o.joinTimeout)
	defer timer.Stop()
	select {
	case <-j.joined:
		return nil
	case <-ctx.Done():
		return nil
	case <-timer.C:
		why := "the first try has no answer yet"
		if last := j.last.Load(); last != nil {
			why = oneLine(*last)
		}
		return fmt.Errorf("--join %s: could not join for %v: %s", j.via, j.o.joinTimeout, why)
	}
}
