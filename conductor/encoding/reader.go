package encoding

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
	"unsafe"

	"go.opentelemetry.io/otel/trace"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// ErrCorrupt is the error for a block that no Writer wrote.
var ErrCorrupt = errors.New("encoding: corrupt block")

// Form is the form that a Writer writes. It grows with each change of what is written; OldestForm is the first that can
// still be read.
//
// - 2: loads lack replicas and hosts
//
// - 3: a checkpoint lacks the times from which on members are uncertain
//
// - 4: a member has one report of its death, without the report's emitter
//
// - 5: a load has nine counts, and does not state their number
//
// - 6: the present form
const (
	Form       = 6
	OldestForm = 2
)

// A Reader reads what a Writer wrote, in the same order. After the first failure it reads zeroes; Err returns that
// failure.
type Reader struct {
	buf  []byte
	at   int
	last int64
	form uint64
	err  error

	texts        []string
	chars        int64 // of texts
	ids          []chord.ID
	peers        []chord.Peer
	incarnations []incarnation
	sources      []source
	traces       []trace.TraceID
}

// NewReader returns a Reader of a block, which must not change while it is read.
func NewReader(block []byte) *Reader { return &Reader{buf: block, form: Form} }

// MemorySize returns approximately the memory that the Reader takes beside its block.
func (r *Reader) MemorySize() int64 {
	return r.chars + size(r.texts) + size(r.ids) + size(r.peers) + size(r.incarnations) + size(r.sources) + size(r.traces)
}

func size[T any](list []T) int64 {
	var one T
	return int64(cap(list)) * int64(unsafe.Sizeof(one))
}

// SetForm sets the form of the rest of the block, and reports whether the Reader can read that form.
func (r *Reader) SetForm(form uint64) bool {
	r.form = form
	return form >= OldestForm && form <= Form
}

// Form returns the form of the block that is read.
func (r *Reader) Form() uint64 { return r.form }

// Extend replaces the block by a longer one that begins with the same bytes: what the Writer has written since follows
// them.
func (r *Reader) Extend(block []byte) { r.buf = block }

// Err returns the first failure, which wraps ErrCorrupt.
func (r *Reader) Err() error { return r.err }

// More reports whether bytes are left to read, and no error has occurred.
func (r *Reader) More() bool { return r.err == nil && r.at < len(r.buf) }

// Fail makes the Reader fail, if it has not failed yet. It is for callers that read an impossible value.
func (r *Reader) Fail(what string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s at byte %d of %d", ErrCorrupt, what, r.at, len(r.buf))
	}
}

// Uint reads a number.
func (r *Reader) Uint() uint64 {
	if r.err != nil {
		return 0
	}
	n, size := binary.Uvarint(r.buf[r.at:])
	if size <= 0 {
		r.Fail("malformed number")
		return 0
	}
	r.at += size
	return n
}

// Int reads a number that may be negative.
func (r *Reader) Int() int64 {
	if r.err != nil {
		return 0
	}
	n, size := binary.Varint(r.buf[r.at:])
	if size <= 0 {
		r.Fail("malformed number")
		return 0
	}
	r.at += size
	return n
}

// Bool reads a flag.
func (r *Reader) Bool() bool {
	b := r.bytes(1)
	if b == nil {
		return false
	}
	if b[0] > 1 {
		r.Fail("flag that is neither 0 nor 1")
	}
	return b[0] == 1
}

// Count reads the length of a list whose elements take at least a byte each.
func (r *Reader) Count() int {
	n := r.Uint()
	if n > uint64(len(r.buf)-r.at) {
		r.Fail("count beyond the end of the block")
		return 0
	}
	return int(n)
}

// Between reads a number that must lie between least and most, both included.
func (r *Reader) Between(least, most int64) int64 {
	n := r.Int()
	if n < least || n > most {
		r.Fail("number out of range")
		return least
	}
	return n
}

func (r *Reader) bytes(n int) []byte {
	if r.err != nil {
		return nil
	}
	if n > len(r.buf)-r.at {
		r.Fail("value beyond the end of the block")
		return nil
	}
	b := r.buf[r.at : r.at+n]
	r.at += n
	return b
}

// Time reads an instant, in UTC.
func (r *Reader) Time() time.Time {
	if !r.Bool() {
		return time.Time{}
	}
	r.last += r.Int()
	return time.Unix(0, r.last).UTC()
}

// number reads the number of a value in its table; 0 means that the value itself follows.
func (r *Reader) number(size int) int {
	n := r.Uint()
	if n > uint64(size) {
		r.Fail("reference to a value that was not written")
		return 0
	}
	return int(n)
}

// Text reads a string.
func (r *Reader) Text() string {
	if n := r.number(len(r.texts)); n > 0 {
		return r.texts[n-1]
	}
	s := string(r.bytes(r.Count()))
	if r.err == nil {
		r.texts = append(r.texts, s)
		r.chars += int64(len(s))
	}
	return s
}

// ID reads an identifier.
func (r *Reader) ID() chord.ID {
	if n := r.number(len(r.ids)); n > 0 {
		return r.ids[n-1]
	}
	var id chord.ID
	copy(id[:], r.bytes(len(id)))
	if r.err == nil {
		r.ids = append(r.ids, id)
	}
	return id
}

// Peer reads a peer.
func (r *Reader) Peer() chord.Peer {
	if n := r.number(len(r.peers)); n > 0 {
		return r.peers[n-1]
	}
	p := chord.Peer{ID: r.ID(), Addr: r.Text(), Incarnation: r.Int()}
	if r.err == nil {
		r.peers = append(r.peers, p)
	}
	return p
}

// Ref reads a reference to a peer.
func (r *Reader) Ref() chordevent.PeerRef { return chordevent.PeerRef{Peer: r.Peer(), Seq: r.Int()} }

// Refs reads a list of references to peers; an empty one is nil.
func (r *Reader) Refs() []chordevent.PeerRef {
	n := r.Count()
	if n == 0 {
		return nil
	}
	if n > chordevent.MaxSuccessors {
		r.Fail("list too long")
		return nil
	}
	list := make([]chordevent.PeerRef, n)
	for i := range list {
		list[i] = r.Ref()
	}
	return list
}

// Run reads a finger run.
func (r *Reader) Run() chordevent.FingerRun {
	return chordevent.FingerRun{
		First: int(r.Between(0, chord.MaxBits-1)),
		Last:  int(r.Between(0, chord.MaxBits-1)),
		Peer:  r.Ref(),
	}
}

// Trace reads a trace ID.
func (r *Reader) Trace() trace.TraceID {
	if n := r.number(len(r.traces)); n > 0 {
		return r.traces[n-1]
	}
	var id trace.TraceID
	copy(id[:], r.bytes(len(id)))
	if r.err == nil {
		r.traces = append(r.traces, id)
	}
	return id
}
