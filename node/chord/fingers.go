package chord

import "slices"

// A Run is consecutive finger slots, First to Last, both included, that all point to one peer.
type Run struct {
	First, Last int
	Peer        Peer
}

// Fingers is a finger table (ToN section IV.D): slot k points to the first member at or after FingerStart(self, k). In
// a ring of N members only about log2 N of the m slots differ, so the table is kept as runs. It is an immutable value:
// the methods that change it return another. The zero value is the empty table.
type Fingers struct {
	runs []Run // by slot, not overlapping; adjacent runs have different peers; empty slots are in no run
}

// Runs lists the table's runs by slot. Empty slots are in no run. The caller must not change the slice.
func (f Fingers) Runs() []Run { return f.runs }

// At returns the peer in a slot, or the zero Peer if the slot is empty.
func (f Fingers) At(slot int) Peer {
	for _, r := range f.runs {
		if r.First <= slot && slot <= r.Last {
			return r.Peer
		}
	}
	return Peer{}
}

// Set makes slots first to last point to p (the zero Peer: to none). The second result is the runs of the slots that
// changed: none if no slot did. Emptied slots are in runs with the zero Peer.
func (f Fingers) Set(first, last int, p Peer) (Fingers, []Run) {
	if first > last {
		return f, nil
	}
	var changed []Run
	for slot := first; slot <= last; { // by the old runs, and the gaps between them, under [first, last]
		old, end := f.run(slot)
		end = min(end, last)
		if old != p {
			changed = appendRun(changed, Run{slot, end, p})
		}
		slot = end + 1
	}
	if changed == nil {
		return f, nil
	}
	runs := make([]Run, 0, len(f.runs)+2)
	for _, r := range f.runs {
		if r.First < first {
			runs = appendRun(runs, Run{r.First, min(r.Last, first-1), r.Peer})
		}
	}
	if p.Real() {
		runs = appendRun(runs, Run{first, last, p})
	}
	for _, r := range f.runs {
		if r.Last > last {
			runs = appendRun(runs, Run{max(r.First, last+1), r.Last, r.Peer})
		}
	}
	return Fingers{runs}, changed
}

// FillFrom enters the answer to a lookup of slot's start: the answer is the successor not of that start alone but of
// all later starts up to itself, so one answer fills them all. An answer that is the member itself empties them: no
// other member lies there. The second result is as for Set.
func (f Fingers) FillFrom(space Space, self ID, slot int, answer Peer) (Fingers, []Run) {
	if answer.ID == self {
		return f.Set(slot, space.Bits()-1, Peer{})
	}
	last := space.Distance(self, answer.ID).bitLen() - 1 // the last start at or before the answer
	if last < slot {
		last = space.Bits() - 1 // the answer lies past the member, so it is the successor of all later starts
	}
	return f.Set(slot, last, answer)
}

// Drop empties the slots that point to a peer found dead. The second result is as for Set.
func (f Fingers) Drop(dead Peer) (Fingers, []Run) {
	var changed []Run
	for _, r := range f.runs {
		if r.Peer == dead {
			changed = append(changed, Run{First: r.First, Last: r.Last})
		}
	}
	if changed == nil {
		return f, nil
	}
	return Fingers{slices.DeleteFunc(slices.Clone(f.runs), func(r Run) bool { return r.Peer == dead })}, changed
}

// run returns the peer in a slot, and the last of the slots after it that have the same peer.
func (f Fingers) run(slot int) (Peer, int) {
	for _, r := range f.runs {
		if slot < r.First {
			return Peer{}, r.First - 1
		}
		if slot <= r.Last {
			return r.Peer, r.Last
		}
	}
	return Peer{}, MaxBits - 1
}

// appendRun appends a run, or extends the last run if that has the same peer and ends at the slot before.
func appendRun(runs []Run, r Run) []Run {
	if n := len(runs); n > 0 && runs[n-1].Peer == r.Peer && runs[n-1].Last+1 == r.First {
		runs[n-1].Last = r.Last
		return runs
	}
	return append(runs, r)
}
