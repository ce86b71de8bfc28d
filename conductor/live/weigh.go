package live

import "chordconductor/conductor/memory"

// lookupShares divides the memory of lookups. Each part drops its oldest entries, with two exceptions: new spans are
// dropped while too many wait, and further series are not counted.
type lookupShares struct {
	waiting          *memory.Share // spans and points that wait for the fold's goroutine
	open             int64         // traces being assembled
	done, remembered int64         // finished lookups: the newest, and some over a longer time
	rates            int64         // series of their durations
}

func lookupParts(of *memory.Share) lookupShares {
	if of == nil {
		return lookupShares{}
	}
	n := of.Limit() / 8
	return lookupShares{waiting: memory.NewShare("spans", 2*n), open: 2 * n, done: n, remembered: 2 * n, rates: n}
}

// weigh reports the memory of the parts that only Run's goroutine uses, and the numbers of what was dropped.
func (l *Live) weigh() {
	l.cfg.FoldMemory.Set(l.ring.Bytes())
	if n := l.ring.Crowded(); n != l.crowded {
		l.cfg.FoldMemory.RefuseAll(n - l.crowded)
		l.crowded = n
	}
	if l.cfg.LookupMemory == nil {
		return
	}
	done, doneGone := l.done.held()
	remembered, rememberedGone := l.memory.held()
	l.cfg.LookupMemory.Set(l.waiting.Used() + l.assembler.Bytes() + done + remembered + l.rates.Bytes())
	if n := l.assembler.Crowded() + l.rates.Crowded() + doneGone + rememberedGone; n != l.strayed {
		l.cfg.LookupMemory.RefuseAll(n - l.strayed)
		l.strayed = n
	}
}
