package host

import (
	"context"
	"errors"
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

// Joined returns nil when a member of the host has joined the ring, or founded it. It returns an
// error if ctx ends; if no host could be joined within Config.JoinTimeout, which counts from the
// call; or if a host refuses this one's ring parameters, so that no further try can succeed.
// Waiting does not help then, and Close ends the host without a leave.
func (h *Host) Joined(ctx context.Context) error { return h.joining.wait(ctx) }

// joining tracks the joins of the members, and whether the host is on the ring.
type joining struct {
	cfg      *Config
	printf   func(format string, args ...any)
	via      string                   // the hosts to join through; empty if the host's first member founds a ring
	joined   chan struct{}            // closed when the first member has joined
	first    sync.Once                // closes joined
	last     atomic.Pointer[error]    // error of the latest try; nil: none yet
	reporter atomic.Pointer[chord.ID] // the member whose try failed first: only its failures are printed
	leaving  atomic.Bool              // the host is being closed: changes are not printed
	refused  chan struct{}            // closed when no further try can succeed
	lasting  sync.Once                // closes refused
	reason   error                    // why; read once refused is closed
	failed   atomic.Bool              // wait has returned an error other than the end of the caller's context
	closed   chan struct{}            // closed when Close is called
}

func newJoining(cfg *Config, printf func(string, ...any)) *joining {
	return &joining{cfg: cfg, printf: printf, via: strings.Join(cfg.Join, ","), joined: make(chan struct{}), refused: make(chan struct{}), closed: make(chan struct{})}
}

// ready reports to the health service and to the operator whether the host has an active member.
func (j *joining) ready(e *grpcenv.Env, ready bool) {
	e.SetReady(ready)
	if ready {
		j.printf("on the ring")
		j.first.Do(func() { close(j.joined) })
	} else if !j.leaving.Load() {
		j.printf("not on the ring: no member is active")
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
	j.printf("%s", text)
}

// tryFailed records why a join is retried. It prints only the failures of one member, since all
// members of a host fail for the same reasons, and only some of them, since tries are frequent.
func (j *joining) tryFailed(self chord.Peer, try int, err error) {
	j.last.Store(&err)
	j.reporter.CompareAndSwap(nil, &self.ID)
	if j.isDone() {
		return
	}
	if member.Lasting(err) {
		j.lasting.Do(func() { // the first reason is enough
			j.reason = err
			close(j.refused)
		})
		return
	}
	founding := j.via == "" // the other members then wait for the first to found the ring, which takes too little time to print
	if !founding && *j.reporter.Load() == self.ID && try&(try-1) == 0 {
		j.printf("cannot join through %s yet (try %d): %s", j.via, try, oneLine(err))
	}
}

func (j *joining) wait(ctx context.Context) error {
	if j.isDone() {
		return nil
	}
	timer := time.NewTimer(j.cfg.JoinTimeout)
	defer timer.Stop()
	select {
	case <-j.joined:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-j.closed:
		return errors.New("the host is closed")
	case <-j.refused:
		j.failed.Store(true)
		return fmt.Errorf("%s %s: cannot join: %s", j.cfg.name("Join"), j.via, oneLine(j.reason))
	case <-timer.C:
		j.failed.Store(true)
		why := "the first try has no answer yet"
		if last := j.last.Load(); last != nil {
			why = oneLine(*last)
		}
		return fmt.Errorf("%s %s: could not join for %s: %s", j.cfg.name("Join"), j.via, duration.Text(j.cfg.JoinTimeout), why)
	}
}
