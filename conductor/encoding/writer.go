package encoding

import (
	"encoding/binary"
	"time"
	"unsafe"

	"go.opentelemetry.io/otel/trace"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// A table numbers the values written so far, from 1 on. A value that does not fit into the table is written in full
// each time.
type table[T comparable] struct {
	at      map[T]uint64
	written uint64
}

// A Writer builds one block.
type Writer struct {
	buf  []byte
	last int64 // the time written last, Unix nanoseconds

	most   int64 // bound of the bytes of the block, and of its tables: a full block is incomplete, and full tables take no more values; 0: no bound
	tables int64 // bytes of memory

	texts        table[string]
	ids          table[chord.ID]
	peers        table[chord.Peer]
	incarnations table[incarnation]
	sources      table[source]
	traces       table[trace.TraceID]
}

// An incarnation identifies a member in all its events.
type incarnation struct {
	id     chord.ID
	digits int
	inc    int64
}

// A source is the origin of events.
type source struct {
	ring, instance string
	host           chordevent.Host
}

// NewWriter returns a Writer of an empty block.
func NewWriter() *Writer {
	w := &Writer{}
	w.Reset(nil)
	return w
}

// Reset begins another block, at the start of the given buffer.
func (w *Writer) Reset(buf []byte) {
	w.buf, w.last, w.tables = buf[:0], 0, 0
	reset(&w.texts)
	reset(&w.ids)
	reset(&w.peers)
	reset(&w.incarnations)
	reset(&w.sources)
	reset(&w.traces)
}

func reset[T comparable](t *table[T]) { *t = table[T]{at: map[T]uint64{}} } // a cleared map would keep its memory

// SetMost bounds the block, and the Writer's tables, to most bytes each. A full block is incomplete: the caller has to
// stop.
func (w *Writer) SetMost(most int64) { w.most = most }

// Full reports whether the block has reached the bound of SetMost.
func (w *Writer) Full() bool { return w.most > 0 && int64(len(w.buf)) >= w.most }

// MemorySize returns approximately the memory that the Writer takes.
func (w *Writer) MemorySize() int64 { return int64(cap(w.buf)) + w.tables }

// Bytes returns the block as written until now. It is valid until the next call of a method of the Writer.
func (w *Writer) Bytes() []byte { return w.buf }

// Len returns the present length of the block, in bytes.
func (w *Writer) Len() int { return len(w.buf) }

// Uint writes a number.
func (w *Writer) Uint(n uint64) { w.buf = binary.AppendUvarint(w.buf, n) }

// Int writes a number that may be negative.
func (w *Writer) Int(n int64) { w.buf = binary.AppendVarint(w.buf, n) }

// Bool writes a flag.
func (w *Writer) Bool(b bool) {
	if b {
		w.buf = append(w.buf, 1)
	} else {
		w.buf = append(w.buf, 0)
	}
}

// Time writes an instant, to the nanosecond. The zero Time stays zero.
func (w *Writer) Time(t time.Time) {
	w.Bool(!t.IsZero())
	if !t.IsZero() {
		nanos := t.UnixNano()
		w.Int(nanos - w.last)
		w.last = nanos
	}
}

// known writes the number of a value, or 0 if the value is new: the value itself must then follow.
func known[T comparable](w *Writer, t *table[T], v T) bool {
	n := t.at[v]
	w.Uint(n)
	if n == 0 {
		t.written++
		if w.most == 0 || w.tables < w.most {
			t.at[v] = t.written
			w.tables += 2 * int64(unsafe.Sizeof(v)+unsafe.Sizeof(n)) // a map is half empty at times
		}
	}
	return n != 0
}

// Text writes a string.
func (w *Writer) Text(s string) {
	if known(w, &w.texts, s) {
		return
	}
	w.tables += int64(len(s))
	w.Uint(uint64(len(s)))
	w.buf = append(w.buf, s...)
}

// ID writes an identifier.
func (w *Writer) ID(id chord.ID) {
	if !known(w, &w.ids, id) {
		w.buf = append(w.buf, id[:]...)
	}
}

// Peer writes a peer.
func (w *Writer) Peer(p chord.Peer) {
	if known(w, &w.peers, p) {
		return
	}
	w.ID(p.ID)
	w.Text(p.Addr)
	w.Int(p.Incarnation)
}

// Ref writes a reference to a peer.
func (w *Writer) Ref(p chordevent.PeerRef) {
	w.Peer(p.Peer)
	w.Int(p.Seq)
}

// Refs writes a list of references to peers.
func (w *Writer) Refs(list []chordevent.PeerRef) {
	w.Uint(uint64(len(list)))
	for i := range list {
		w.Ref(list[i])
	}
}

// Run writes a finger run.
func (w *Writer) Run(run chordevent.FingerRun) {
	w.Int(int64(run.First))
	w.Int(int64(run.Last))
	w.Ref(run.Peer)
}

// Trace writes a trace ID.
func (w *Writer) Trace(id trace.TraceID) {
	if !known(w, &w.traces, id) {
		w.buf = append(w.buf, id[:]...)
	}
}
