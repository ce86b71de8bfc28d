package simenv

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"

	"chordconductor/node/env"
	"chordconductor/node/nodepb"
)

var errCrashed = errors.New("the host has crashed")

// A Host is one address of the world, with tasks of its own. It implements env.Env.
type Host struct {
	w        *World
	addr     string
	services *env.Services // nil: not serving
	tasks    []*task       // tasks with work; the members bound their number
	crashed  bool
	exited   bool          // crashed, and refuses calls rather than leaving them unanswered
	dead     chan struct{} // closed when crashed, for goroutines outside
}

var _ env.Env = (*Host)(nil)

// Host adds a host. An address can be used again once its host has crashed.
func (w *World) Host(addr string) (*Host, error) {
	if old := w.hosts[addr]; old != nil && !old.crashed {
		return nil, fmt.Errorf("address %s is in use", addr)
	}
	h := &Host{w: w, addr: addr, dead: make(chan struct{}), crashed: w.closed}
	w.hosts[addr] = h
	w.order = append(w.order, h)
	return h, nil
}

// Address returns the host's address.
func (h *Host) Address() string { return h.addr }

// Serve sets the services that answer calls to the host; intercept, if it is not nil, handles each call before them.
func (h *Host) Serve(ring nodepb.RingServer, keys nodepb.KeysServer, intercept grpc.UnaryServerInterceptor) {
	h.services = env.NewServices(ring, keys, intercept)
}

// Crash ends the host: its tasks return, and it answers no further calls. Messages already sent arrive.
func (h *Host) Crash() {
	if h.crashed {
		return
	}
	h.crashed = true
	close(h.dead)
	for len(h.tasks) > 0 {
		before := len(h.tasks)
		t := h.tasks[before-1]
		if t == h.w.current {
			t.stopped = true
			if before == 1 {
				break
			}
			h.tasks[0], h.tasks[before-1] = t, h.tasks[0]
			h.tasks[before-1].place, t.place = before-1, 0
			continue
		}
		t.kill()
	}
}

// Exit ends the host as the end of a process on a running machine does: calls to it are refused, and unanswered ones
// fail, both before their time limit.
func (h *Host) Exit() {
	h.exited = true
	h.Crash()
}

// Now returns the virtual time.
func (h *Host) Now() time.Time { return h.w.Now() }

// Wall returns the time of the host's clock: the virtual time. A layer over the host can make a
// clock that is wrong.
func (h *Host) Wall() time.Time { return h.w.Now() }

// Uint64 returns a random number of the world.
func (h *Host) Uint64() uint64 { return h.w.random.Uint64() }

// Sleep blocks the task for d of virtual time.
func (h *Host) Sleep(d time.Duration) error {
	t := h.w.current
	return t.block(func(wait uint64) { h.w.schedule(d, func() { t.wake(wait, nil) }) })
}

// Go starts a task. It begins when the present one blocks.
func (h *Host) Go(ctx context.Context, task func(context.Context)) error {
	if h.crashed {
		return env.ErrStopped
	}
	if ctx.Done() != nil {
		ctx = context.WithoutCancel(ctx)
	}
	h.w.schedule(0, func() { h.w.start(h, ctx, task) })
	return nil
}

// NewSignal returns a signal on which tasks can wait.
func (h *Host) NewSignal() env.Signal { return &signal{w: h.w} }

// Conn returns the connection to the host at an address.
func (h *Host) Conn(addr string, limit time.Duration) grpc.ClientConnInterface {
	return env.Call(caller{h, addr, limit}.call)
}
