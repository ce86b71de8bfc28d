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

// joining tracks the joins of the members, and whether the host is on the ring.
type joining struct {
	o        *options
	via      string                   // the hosts to join through; empty: the host's first member founds a ring
	joined   chan struct{}            // closed when the first member has joined
	first    sync.Once                // closes joined
	last     atomic.Pointer[error]    // error of the latest try; nil: none yet
	reporter atomic.Pointer[chord.ID] // the member whose try failed first: only its failures are printed
	leaving  atomic.Bool              // after a signal: changes are not printed
	ended    chan error               // the first reason why no further try can succeed
}

func newJoining(o *options) *joining {
	return &joining{o: o, via: strings.Join(o.join, ","), joined: make(chan struct{}), ended: make(chan error, 1)}
}

// ready passes on to the health service and to the operator whether the host has an active member.
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

// notice prints a message for the operator.
func (j *joining) notice(text string) {
	err := fmt.Errorf("%s", text)
	j.last.Store(&err)
	printf("%s", text)
}

// failed records why a join is retried. It prints the failures of one member only, since all members of a host meet the
// same, and not each of them, since tries are frequent.
func (j *joining) failed(self chord.Peer, try int, err error) {
	j.last.Store(&err)
	j.reporter.CompareAndSwap(nil, &self.ID)
	if j.isDone() {
		return
	}
	if member.Lasting(err) {
		select {
		case j.ended <- err:
		default: // the first reason is enough
		}
		return
	}
	founding := j.via == "" // then the other members wait for the first to found the ring, which takes too little time to print
	if !founding && *j.reporter.Load() == self.ID && try&(try-1) == 0 {
		printf("cannot join through %s yet (try %d): %s", j.via, try, oneLine(err))
	}
}

// wait returns nil when a member has joined or ctx has ended. It returns an error when no host could be joined in time,
// or when no further try can succeed.
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
