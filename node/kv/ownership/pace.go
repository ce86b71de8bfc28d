package ownership

import (
	"chordconductor/node/retry"
	"time"
)

// ClaimPace spaces accepted claims while the register stays empty. A handoff that fails wakes the task, and one that
// fails for lack of room would otherwise begin again at once, for ever: within one host at the speed of the processor.
type ClaimPace struct {
	Next time.Time // the earliest time of the next claim
	gap  time.Duration
}

// Accepted notes that a claim has been accepted: the next one follows after a gap that doubles up to a maximum.
func (p *ClaimPace) Accepted(now time.Time, greatest time.Duration) {
	p.gap = retry.Pace{First: retry.Reconcile, Most: greatest}.Next(p.gap)
	p.Next = now.Add(p.gap)
}
