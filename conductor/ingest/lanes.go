package ingest

import (
	"context"
	"errors"
	"runtime"
	"time"

	"golang.org/x/sync/semaphore"

	"chordconductor/conductor/internal/otlpscan"
)

const (
	// slotWait is how long a request waits for a slot and for memory. Then it is refused, to be sent again.
	slotWait = 2 * time.Second
	// A request is small if its body, as sent, is at most smallBody and decoding it takes at most smallDecode: the
	// events of a host of some 30 members at once.
	smallBody   = 64 << 10
	smallDecode = 512 << 10
)

// errLarge ends a try in the lane of small requests: decoding needs more memory than a small request has.
var errLarge = errors.New("the request is large once decoded")

// A class is the requests of one kind of signal: events, or all others. Neither waits for the other.
type class struct{ small, large *lane }

// A lane is requests that share slots and memory for decoding. Small requests have a lane of their own, in which each
// takes about a millisecond, so that they never wait for large ones: neither for memory, nor for the processors, of
// which large requests of both classes together use half at most. Large requests take turns, so that events wait for
// one large request of another signal at most.
type lane struct {
	slots  *semaphore.Weighted
	memory *semaphore.Weighted
	turns  *semaphore.Weighted // processors of large requests of all classes; nil: small ones run at once
	limit  int64               // of the memory
	most   int64               // of it, for one request
}

func (l *lane) small() bool { return l.turns == nil }

// newClasses divides the memory for decoding between events and others. No request waits for memory while it holds a
// turn that the requests which hold the memory need: they hold turns too.
func newClasses(limit int64, slots int) (events, others class) {
	processors := min(max(runtime.GOMAXPROCS(0)/2, 1), slots)
	turns := semaphore.NewWeighted(int64(processors))
	return newClass(limit/2, slots, processors, turns), newClass(limit/2, slots, processors, turns)
}

func newClass(limit int64, small, large int, turns *semaphore.Weighted) class {
	return class{
		small: &lane{semaphore.NewWeighted(int64(small)), semaphore.NewWeighted(limit / 4), nil, limit / 4, min(smallDecode, limit/4)},
		large: &lane{semaphore.NewWeighted(int64(large)), semaphore.NewWeighted(limit / 4 * 3), turns, limit / 4 * 3, limit / 4 * 3},
	}
}

func (g *gate) classOf(signal otlpscan.Signal) *class {
	if signal == otlpscan.Logs {
		return &g.events
	}
	return &g.others
}

// admit runs do in a slot for a request whose body is complete. A request is small until it proves large: then it
// starts again, in the lane of large ones, so that requests waiting for that lane hold no more than their bodies as
// sent.
func (g *gate) admit(ctx context.Context, signal otlpscan.Signal, size int, do func(*work) error) error {
	if g.memoryLimit > 0 && g.heapNow() > g.memoryLimit {
		return g.refuse("no memory is left")
	}
	c := g.classOf(signal)
	if size <= smallBody {
		if err := g.in(ctx, c.small, do); !errors.Is(err, errLarge) {
			return err
		}
	}
	return g.in(ctx, c.large, do)
}

func (g *gate) in(ctx context.Context, l *lane, do func(*work) error) error {
	waiting, cancel := context.WithTimeout(ctx, slotWait)
	defer cancel()
	if !l.slots.TryAcquire(1) && l.slots.Acquire(waiting, 1) != nil {
		return g.refuse("too many requests in progress")
	}
	if l.turns != nil && !l.turns.TryAcquire(1) && l.turns.Acquire(waiting, 1) != nil {
		l.slots.Release(1)
		return g.refuse("too many large requests in progress")
	}
	g.inFlight.Add(1)
	w := &work{gate: g, lane: l}
	defer w.leave()
	return do(w)
}

// A work is a request that has its slot. It holds memory until leave.
type work struct {
	gate *gate
	lane *lane
	held int64
}

// hold takes memory before it is used, and waits while others use it.
func (w *work) hold(ctx context.Context, n int64) error {
	l := w.lane
	if n > l.most-w.held {
		if l.small() {
			return errLarge
		}
		w.gate.decode.Refuse()
		return errTooMuch(n+w.held, l.most)
	}
	if !l.memory.TryAcquire(n) {
		ctx, cancel := context.WithTimeout(ctx, slotWait)
		defer cancel()
		if l.memory.Acquire(ctx, n) != nil {
			w.gate.decode.Refuse()
			return w.gate.refuse("no memory is left for decoding")
		}
	}
	w.held += n
	w.gate.decode.Take(n)
	return nil
}

func (w *work) give(n int64) {
	w.lane.memory.Release(n)
	w.gate.decode.Give(n)
	w.held -= n
}

// leave releases the slot and all memory.
func (w *work) leave() {
	w.give(w.held)
	if w.lane.turns != nil {
		w.lane.turns.Release(1)
	}
	w.lane.slots.Release(1)
	w.gate.inFlight.Add(-1)
}
