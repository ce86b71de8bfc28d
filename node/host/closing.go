package host

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"chordconductor/node/kv"
)

// LeaveLimit bounds the time in which the members leave the ring when the host is closed.
const LeaveLimit = 25 * time.Second

// ending is the state of Close.
type ending struct {
	once sync.Once
	err  error // guarded by once
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
	ending, err := h.members.End(ctx)
	for warned := false; errors.Is(err, kv.ErrNoRoom); ending, err = h.members.End(ctx) {
		if !warned {
			warned = true
			h.printf("not leaving yet: %s", oneLine(err))
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
			continue
		}
		break
	}
	switch {
	case err != nil:
		err = fmt.Errorf("not all members left gracefully: %w: %s", err, h.Cost())
		h.members.Crash()
		return err
	case ending.Ring:
		h.printf("the ring ends, since no other host stays, and %d key(s) end with it", ending.Keys)
		h.members.EmitEnd()
		return nil
	}
	h.members.EmitEnd()
	h.printf("left")
	return nil
}

// Cost describes what would be lost if the process ended now, for the last line of a program that
// is forced to end.
func (h *Host) Cost() string {
	members := h.members.Members() // members that have left are not among them
	if len(members) == 0 {
		return "all members had left; the last telemetry was not sent"
	}
	var keys int64
	for _, m := range members {
		keys += m.Keys().Load().OwnedKeys
	}
	return fmt.Sprintf("%d member(s) had not left, and %d key(s) were not handed off; keys with replicas on other hosts are not lost", len(members), keys)
}
