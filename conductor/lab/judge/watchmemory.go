package judge

import (
	"unsafe"

	"chordconductor/conductor/lab/result"
	"chordconductor/conductor/memory"
)

// A Watch's memory is bounded in numbers, and in bytes if it has a share: members and spans come from any sender of
// telemetry. The share is divided:
//
// - members, 3/8: beyond it one that has ended is dropped, or else any; its answers can no longer be judged
//
// - answers that wait, 1/4: the oldest is judged early, or dropped without a verdict
//
// - sums of time by operation and member, 1/8: further time is added to the sum of the operation only, or not at all
//
// - finished moves of keys, 1/8: the oldest are dropped
//
// - ends of members, 1/8: the oldest is dropped
//
// Sizes are upper estimates: slices may have twice the capacity that they need.
const (
	watchedSize = 200 // a member without ranges, with its entry in the map
	heldSize    = 2 * int64(unsafe.Sizeof(held{}))
	runSize     = 2 * int64(unsafe.Sizeof(eventRun{}))
	answerSize  = 2 * int64(unsafe.Sizeof(answered{}))
	workSize    = int64(unsafe.Sizeof(result.OperationTime{})) + 120
	moveSize    = 2 * int64(unsafe.Sizeof(move{}))
	endSize     = int64(unsafe.Sizeof(end{})) + 120
)

// bounds are the upper bounds of a Watch; without a share, bounds of numbers only.
type bounds struct {
	share                   *memory.Share
	members, spent, moves   int64 // bytes
	answers, doubted, ended int   // numbers
}

func boundsOf(share *memory.Share) bounds {
	b := bounds{share: share, answers: maxPending, doubted: maxDoubted, ended: maxEnds}
	if share == nil {
		return b
	}
	part := share.Limit() / 16
	b.members, b.spent, b.moves = 6*part, 2*part, 2*part
	b.answers, b.doubted = most(b.answers, 3*part/answerSize), most(b.doubted, part/answerSize)
	b.ended = most(b.ended, 2*part/endSize)
	return b
}

func most(number int, fit int64) int { return int(min(int64(number), max(fit, 1))) }

// exceeds reports whether so many bytes are above a bound. It returns false if there is no share.
func (b *bounds) exceeds(bytes, most int64) bool { return b.share != nil && bytes > most }

// Within bounds the Watch by a share of the memory. It must be called before any other method.
func (w *Watch) Within(share *memory.Share) { w.bounds = boundsOf(share) }

func (m *watched) size() int64 {
	return watchedSize + int64(len(m.ranges))*heldSize + int64(len(m.runs))*runSize
}

func (m *move) size() int64 { return moveSize + int64(len(m.To.Addr)+len(m.Reason)) }

// grown adds to a member's size, and drops members if there is no room. The caller holds mu.
func (w *Watch) grown(by int64) {
	w.memberBytes += by
	for w.bounds.exceeds(w.memberBytes, w.bounds.members) && len(w.members) > 0 {
		w.forgetOne()
		w.bounds.share.Refuse()
	}
}

// weigh reports the Watch's size to its share. The caller holds mu.
func (w *Watch) weigh() {
	w.bounds.share.Set(w.memberBytes + w.spentBytes + w.ends.moveBytes + int64(len(w.ends.order))*endSize +
		int64(len(w.pending)+len(w.doubted))*answerSize)
}
