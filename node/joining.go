package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"chordconductor/internal/duration"
	"chordconductor/node/chord"
	"chordconductor/node/env/grpcenv"
	"chordconductor/node/member"
)

// joining watches the members find their places, and the host keep or lose its place on the ring.
type joining struct {
	o       *options
	via     string                   // whom; empty: the host's first member makes a new ring
	joined  chan struct{}            // closed when the first has its place
	first   sync.Once                // closes it
	last    atomic.Pointer[error]    // why the latest try failed; nil: none has yet
	speaks  atomic.Pointer[chord.ID] // the member whose try failed first: it speaks for the host
	leaving atomic.Bool              // by a signal: no news
	ended   chan error               // why no further try can succeed; holds the first reason
}

func newJoining(o *options) *joining {
	return &joining{o: o, via: strings.Join(o.join, ","), joined: make(chan struct{}), ended: make(chan error, 1)}
}

// ready passes on whether the host has an active member, to the health service and to the operator.
func (j *joining) ready(e *grpcenv.Env, ready bool) {
	e.SetReady(ready)
	if ready {
		printf("on the ring")
		j.first.Do(func() { close(j.joined) })
	} else if !j.leaving.Load() {
		printf("not on the ring: no member is active")
	}
}

func (j *joining) isDone() bool {
	select {
	case <-j.joined:
		return true
	default:
		return false
	}
}

// notice prints what the operator should know.
func (j *joining) notice(text string) {
	err := fmt.Errorf("%s", text)
	j.last.Store(&err)
	printf("%s", text)
}

// failed says why a join is retried: for one member, since what it meets all of the host's meet, and not every time, since
// tries are frequent and patient.
func (j *joining) failed(self chord.Peer, try int, err error) {
	j.last.Store(&err)
	j.speaks.CompareAndSwap(nil, &self.ID)
	if j.isDone() {
		return
	}
	if member.Lasting(err) {
		select {
		case j.ended <- err:
		default: // one reason is enough
		}
		return
	}
	founding := j.via == "" // then the others wait for the first to have made the ring, which takes no time worth a word
	if !founding && *j.speaks.Load() == self.ID && try&(try-1) == 0 {
		printf("cannot join through %s yet (try %d): %s", j.via, try, oneLine(err))
	}
}

// wait returns when a member has its place, or ctx has ended, or an error when no host could be joined in time, or none
// can be however long one waits.
func (j *joining) wait(ctx context.Context) error {
	timer := time.NewTimer(j.o.joinTimeout)
	defer timer.Stop()
	select {
	case <-j.joined:
		return nil
	case <-ctx.Done():
		return nil
	case err := <-j.ended:
		return fmt.Errorf("--join %s: cannot join: %s", j.via, oneLine(err))
	case <-timer.C:
		why := "the first try has no answer yet"
		if last := j.last.Load(); last != nil {
			why = oneLine(*last)
		}
		return fmt.Errorf("--join %s: could not join for %s: %s", j.via, duration.Text(j.o.joinTimeout), why)
	}
}
