package history

import (
	"errors"
	"fmt"

	"chordconductor/conductor/memory"
)

// ErrMemory says that to look at an instant takes more memory than there is for that.
var ErrMemory = errors.New("it takes more memory than the conductor has for the past (--memory)")

// Of the memory for recording the queue of entries has an eighth and the chapter being written a quarter; the rest is the
// fold's. What gives way: an entry that does not fit into the queue is not recorded. A chapter ends when it has reached its
// bound, however few its entries. While the checkpoint of the ring leaves no quarter of the chapter to entries, nothing is
// recorded: checkpoints would be all that is done. All of that counts in Stats.Dropped and Stats.Failed.
func queueShare(of *memory.Share) *memory.Share {
	if of == nil {
		return nil
	}
	return memory.NewShare("history queue", of.Limit()/8)
}

// blockMost bounds a chapter, and what its writer remembers of it.
func blockMost(of *memory.Share) int64 { return of.Limit() / 8 }

// tooMuchOf says that a checkpoint leaves too little of a chapter.
func tooMuchOf(share *memory.Share, checkpoint int) bool {
	return share != nil && int64(checkpoint) > blockMost(share)/4*3
}

// crowded gives up the chapter that was to begin.
func (w *writer) crowded() {
	w.h.opt.Recording.Refuse()
	w.fail(fmt.Errorf("the state of a ring of %d members takes more memory than there is for recording it (--memory)", w.ring.Len()))
	w.block.Reset(nil)
	w.room = 0
}

// weigh reports what recording takes.
func (w *writer) weigh() {
	if share := w.h.opt.Recording; share != nil {
		share.Set(w.h.queue.memory.Used() + w.ring.Bytes() + w.block.MemorySize())
		_, dropped := w.h.queue.state()
		share.RefuseAll(dropped - w.dropped)
		w.dropped = dropped
	}
}

// A seek has one share to itself: seeks take turns. A chapter's file is read whole, and its frames are put together from
// it.
const filePasses = 2

// readable says whether there is memory to read so much of a file.
func (h *History) readable(size int64) error {
	if share := h.opt.Seeking; share != nil && filePasses*size > share.Limit()/2 {
		share.Refuse()
		return fmt.Errorf("%w: the file has %d bytes", ErrMemory, size)
	}
	return nil
}

// weigh reports what a cursor takes, and says whether that is too much.
func (h *History) weigh(c *reader) error {
	share := h.opt.Seeking
	if share == nil {
		return nil
	}
	used, kept := c.memorySize(), int64(0)
	if h.reader != nil && h.reader != c {
		kept = h.reader.memorySize()
	}
	if used+kept > share.Limit() { // what the last seek left is of less use
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

// weighEvery is after how many entries a seek looks at what it takes.
const weighEvery = 64
