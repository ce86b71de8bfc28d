package load

import (
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// refused reports whether an error means that a write has not happened and will not: no replica has it. After any other
// error the outcome of a write is unknown, so reads may return it.
func refused(err error) bool {
	switch status.Code(err) {
	case codes.InvalidArgument, codes.ResourceExhausted, codes.FailedPrecondition, codes.AlreadyExists:
		return true
	}
	return false
}

// maxRefusals bounds the refused writes that are kept. Beyond it the oldest is dropped: a later read that returns it is
// not noticed.
const maxRefusals = 1 << 16

// refusals finds refused writes that reads return, before or after the refusal. Every attempt of a put is a write of
// its own.
type refusals struct {
	running map[uint64]bool // writes under way, at most maxInFlight; true: a read has returned the write
	refused map[uint64]bool // refused writes, at most maxRefusals; true: a read has returned the write
	order   []uint64        // the refused writes, as a ring buffer: once it is full, the oldest is at next
	next    int
	found   int // refused writes that a read has shown
}

func newRefusals() refusals {
	return refusals{running: make(map[uint64]bool), refused: make(map[uint64]bool)}
}

func (r *refusals) begin(write uint64) { r.running[write] = false }

func (r *refusals) end(write uint64, refused bool) {
	shown := r.running[write]
	delete(r.running, write)
	if !refused {
		return
	}
	if len(r.order) < maxRefusals {
		r.order = append(r.order, write)
	} else {
		delete(r.refused, r.order[r.next])
		r.order[r.next] = write
		r.next = (r.next + 1) % maxRefusals
	}
	r.refused[write] = shown
	if shown {
		r.found++
	}
}

func (r *refusals) shown(write uint64) {
	if _, ok := r.running[write]; ok {
		r.running[write] = true
	}
	if before, ok := r.refused[write]; ok && !before {
		r.refused[write] = true
		r.found++
	}
}
