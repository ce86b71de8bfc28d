package main

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/env/grpcenv"
)

// joining watches the members find their places.
type joining struct {
	o      *options
	via    string        // whom
	joined chan struct{} // closed when the first has its place
	isDone atomic.Bool
	last   atomic.Value // of errorBox
}

type errorBox struct{ error }

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

// failed says why a join is retried: not every time, since tries are frequent and patient.
func (j *joining) failed(self chord.Peer, try int, err error) {
	j.last.Store(errorBox{err})
	if !j.isDone.Load() && try&(try-1) == 0 {
		say("cannot join through %v yet (try %d): %s", j.via, try, reason(err))
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
		last, _ := j.last.Load().(errorBox)
		return fmt.Errorf("--join %s: could not join for %v: %s", j.via, j.o.joinTimeout, reason(last.error))
	}
}

// statusCode is what gRPC puts before the words of a host that refuses.
var statusCode = regexp.MustCompile(`rpc error: code = \w+ desc = `)

// reason is why nobody could be joined, in one line.
func reason(err error) string { return statusCode.ReplaceAllString(oneLine(err), "") }
