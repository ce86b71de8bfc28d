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
	// slotWait is how long a request waits for a slot and for memory. Then it is refused, and its sender is to try
	// again.
	slotWait = 2 * time.Second
	// A request is small if its body, as sent, is at most smallBody and decoding it takes at most smallDecode: the
	// events of a host of some 30 members at the same time.
	smallBody   = 64 << 10
	smallDecode = 512 << 10
)

var (
	// errLarge ends an attempt in the lane of small requests: decoding needs more memory than a small request may take.
	errLarge = errors.New("the decoded request takes more memory than the lane of small requests allows")
	// errShort ends an attempt that holds memory and needs more than is free.
	errShort = errors.New("the memory that the request needs is in use")
)

// A class is the lanes for one kind of signal: events, or all others. Requests of one class do not wait for those of
// the other.
type class struct{ small, large *lane }

// A lane is a set of slots, with memory for decoding, that requests share. Small requests have a lane of their own, in
// which each takes about a millisecond, so that they never wait for large ones: neither for memory, nor for the
// processors, of which large requests of both classes together use half at most. Large requests take turns, so that
// events wait for at most one large request of another signal.
type lane struct {
	slots  *semaphore.Weighted
	memory *semaphore.Weighted // nil: there are so few slots that each request has all the memory that it may take
	turns  *semaphore.Weighted // processors of large requests of all classes; nil: small ones run immediately
	limit  int64               // of the memory
	most   int64               // most memory for one request
}

func (l *lane) small() bool { return l.turns == nil }

// newClasses divides the memory for decoding between events and other signals. It avoids two deadlocks. A request that
// holds a turn does not wait for memory that only requests waiting for a turn could release: those that hold memory
// have turns too. And no request waits for memory while it holds some (work.hold): several could wait for each other.
func newClasses(limit int64, slots int) (events, others class) {
	processors := min(max(runtime.GOMAXPROCS(0)/2, 1), slots)
	turns := semaphore.NewWeighted(int64(processors))
	return newClass(limit/2, slots, processors, turns), newClass(limit/2, slots, processors, turns)
}

func newClass(limit int64, small, large int, turns *semaphore.Weighted) class {
	most := min(smallDecode, limit/4)
	return class{
		small: &lane{semaphore.NewWeighted(min(int64(small), limit/4/most)), nil, nil, limit / 4, most},
		large: &lane{semaphore.NewWeighted(int64(large)), semaphore.NewWeighted(limit / 4 * 3), turns, limit / 4 * 3, limit / 4 * 3},
	}
}

func (g *gate) classOf(signal otlpscan.Signal) *class {
	if signal == otlpscan.Logs {
		return &g.events
	}
	return &g.others
}

// admit runs do in a slot for a request whose body is complete. A request counts as small until decoding shows that it
// is large. Then it starts again in the lane of large requests, so that requests waiting for that lane hold no more
// than their bodies as sent.
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
	err := do(w)
	if errors.Is(err, errShort) {
		w.release()
		if err = w.acquire(ctx, l.most); err == nil {
			err = do(w)
		}
	}
	return err
}

// A work is a request that has a slot. It holds memory until leave is called.
type work struct {
	gate *gate
	lane *lane
	used int64 // of what is held
	held int64 // of the lane's memory
}

// hold takes memory before it is used. A request that holds none yet waits while others use the memory. One that
// already holds some does not wait, since the others may be waiting for its memory: it ends with errShort, and is
// started again with all the memory that a request may take.
func (w *work) hold(ctx context.Context, n int64) error {
	l := w.lane
	if n > l.most-w.used {
		if l.small() {
			return errLarge
		}
		w.gate.decode.Refuse()
		return errTooMuch(n+w.used, l.most)
	}
	if more := w.used + n - w.held; more > 0 {
		if err := w.acquire(ctx, more); err != nil {
			return err
		}
	}
	w.used += n
	w.gate.decode.Take(n)
	return nil
}

func (w *work) acquire(ctx context.Context, n int64) error {
	if m := w.lane.memory; m != nil && !m.TryAcquire(n) {
		if w.held > 0 {
			return errShort
		}
		ctx, cancel := context.WithTimeout(ctx, slotWait)
		defer cancel()
		if m.Acquire(ctx, n) != nil {
			w.gate.decode.Refuse()
			return w.gate.refuse("no memory is left for decoding")
		}
	}
	w.held += n
	return nil
}

// give ends the use of memory; the work still holds that memory.
func (w *work) give(n int64) {
	w.gate.decode.Give(n)
	w.used -= n
}

func (w *work) release() {
	w.give(w.used)
	if w.lane.memory != nil {
		w.lane.memory.Release(w.held)
	}
	w.held = 0
}

// leave releases the slot and all memory.
func (w *work) leave() {
	w.release()
	if w.lane.turns != nil {
		w.lane.turns.Release(1)
	}
	w.lane.slots.Release(1)
	w.gate.inFlight.Add(-1)
}
