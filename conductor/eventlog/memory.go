package eventlog

import (
	"errors"
	"fmt"

	"chordconductor/conductor/memory"
)

// ErrMemory is the error for an instant that needs more memory than there is for queries of the past.
var ErrMemory = errors.New("showing the past needs more memory than the conductor may use for it (--memory)")

// queueShare is the share of the queue of entries: an eighth of the memory for recording, of which the segment being
// written has a quarter; the rest is the fold's. At the bounds: an entry that does not fit into the queue is not
// recorded; a segment ends, however few its entries; and while the checkpoint of the ring leaves less than a quarter of
// the segment to entries, nothing is recorded, since checkpoints would be all that is written. Stats.Dropped and
// Stats.Failed count all of these cases.
func queueShare(of *memory.Share) *memory.Share {
	if of == nil {
		return nil
	}
	return memory.NewShare("history queue", of.Limit()/8)
}

// blockMost bounds a segment, and what its writer keeps for it.
func blockMost(of *memory.Share) int64 { return of.Limit() / 8 }

// tooMuchOf reports whether a checkpoint of that many bytes leaves less than a quarter of a segment for entries.
func tooMuchOf(share *memory.Share, checkpoint int) bool {
	return share != nil && int64(checkpoint) > blockMost(share)/4*3
}

// crowded stops recording, since the checkpoint of the next segment is too large.
func (w *writer) crowded() {
	w.h.opt.Recording.Refuse()
	w.fail(fmt.Errorf("recording a ring of %d members needs more memory than the conductor may use for it (--memory)", w.ring.Len()))
	w.block.Reset(nil)
	w.room = 0
}

// weigh reports the memory that recording takes.
func (w *writer) weigh() {
	if share := w.h.opt.Recording; share != nil {
		share.Set(w.h.queue.memory.Used() + w.ring.Bytes() + w.block.MemorySize())
		_, dropped := w.h.queue.state()
		share.RefuseAll(dropped - w.dropped)
		w.dropped = dropped
	}
}

// filePasses is the memory that a seek takes for a file, in multiples of the file's size: the file is read whole, and
// its data is joined from its frames. One seek at a time uses the share.
const filePasses = 2

// readable returns an error if there is no memory to read a file of size bytes.
func (h *History) readable(size int64) error {
	if share := h.opt.Seeking; share != nil && filePasses*size > share.Limit()/2 {
		share.Refuse()
		return fmt.Errorf("%w: the file has %d bytes", ErrMemory, size)
	}
	return nil
}

// weigh reports the memory that a reader takes, and returns an error if it is too much.
func (h *History) weigh(c *reader) error {
	share := h.opt.Seeking
	if share == nil {
		return nil
	}
	used, kept := c.memorySize(), int64(0)
	if h.reader != nil && h.reader != c {
		kept = h.reader.memorySize()
	}
	if used+kept > share.Limit() { // what the last seek left is needed less
		h.reader, kept = nil, 0
	}
	if used > share.Limit() {
		share.Refuse()
		used = 0
	}
	share.Set(used + kept)
	if used == 0 {
		return ErrMemory
	}
	return nil
}

func (c *reader) memorySize() int64 { return c.ring.Bytes() + c.in.MemorySize() + c.loaded }

// weighEvery is the number of entries after which a seek checks its memory.
const weighEvery = 64
