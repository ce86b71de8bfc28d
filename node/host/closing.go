package host

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"chordconductor/node/kv"
	"chordconductor/node/member"
)

// LeaveLimit bounds the time in which the members leave the ring when the host is closed.
const LeaveLimit = 25 * time.Second

// ending is the state of Close.
type ending struct {
	once sync.Once
	err  error                         // guarded by once
	lost atomic.Pointer[member.Ending] // what has ended without a handoff, once the leave has ended
}

// Close makes the members hand off their keys and leave the ring, then ends everything that Open
// has started. While the other hosts have no memory for the keys, Close tries again each second,
// and the host keeps serving. If the members have not left when ctx ends, or after LeaveLimit, they
// end as in a crash, and Close returns an error: keys with replicas on other hosts are not lost. If
// no other host stays, the ring ends with its keys, which is no error.
//
// The end of ctx ends only the leave: after it, calls being served have up to two more seconds, and
// the last export of the host's own telemetry up to four. Close may be called more than once: a
// later call waits for the first one and returns its error.
func (h *Host) Close(ctx context.Context) error {
	h.ending.once.Do(func() {
		h.joining.leaving.Store(true)
		close(h.joining.closed)
		if h.joining.failed.Load() && !h.joining.isDone() {
			h.members.Abandon(context.Background()) // no peer has them in its pointers any more
			h.members.EmitEnd()
		} else {
			h.ending.err = h.leave(ctx)
		}
		h.release()
	})
	return h.ending.err
}

// leave makes the members leave. If they cannot, they end without a leave, since the caller has
// ordered the end.
func (h *Host) leave(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, LeaveLimit)
	defer cancel()
	ending, err := h.tryLeave(ctx)
	switch {
	case err != nil:
		rest := h.present()
		ending.Ring = false
		ending.Members += rest.Members
		ending.Keys += rest.Keys
		h.ending.lost.Store(&ending)
		h.members.Crash()
		return fmt.Errorf("not all members left gracefully: %w: %s", err, cost(ending))
	case ending.Ring:
		h.printf("the ring ends, since no other host stays, and %d key(s) end with it", ending.Keys)
	default:
		h.printf("left")
	}
	h.ending.lost.Store(&ending)
	h.members.EmitEnd()
	return nil
}

// tryLeave makes the members leave, and tries again while the hosts that stay have no memory for
// the keys.
func (h *Host) tryLeave(ctx context.Context) (all member.Ending, err error) {
	for warned := false; ; warned = true {
		ending, err := h.members.End(ctx)
		all = member.Ending{Ring: all.Ring || ending.Ring, Members: all.Members + ending.Members, Keys: all.Keys + ending.Keys}
		if !errors.Is(err, kv.ErrNoRoom) {
			return all, err
		}
		if !warned {
			h.printf("not leaving yet: %s", oneLine(err))
		}
		select {
		case <-ctx.Done():
			return all, err
		case <-time.After(time.Second):
		}
	}
}

// Cost describes what is lost if the process ends now, for the last line of a program that is
// forced to end.
func (h *Host) Cost() string {
	if lost := h.ending.lost.Load(); lost != nil {
		return cost(*lost)
	}
	return cost(h.present())
}

// present describes what would end with the members that are there now.
func (h *Host) present() (would member.Ending) {
	for _, m := range h.members.Members() { // members that have left are not among them
		would.Members++
		would.Keys += m.Keys().Load().OwnedKeys
	}
	return would
}

func cost(lost member.Ending) string {
	switch {
	case lost.Ring:
		return fmt.Sprintf("the ring had ended, and %d key(s) with it; the last telemetry was not sent", lost.Keys)
	case lost.Members == 0:
		return "all members had left; the last telemetry was not sent"
	}
	return fmt.Sprintf("%d member(s) had not left, and %d key(s) were not handed off; keys with replicas on other hosts are not lost", lost.Members, lost.Keys)
}
