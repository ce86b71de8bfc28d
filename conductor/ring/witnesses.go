package ring

import (
	"slices"

	"chordconductor/node/chord"
)

// witnesses are the identifiers that may own a range and whose events may not all have arrived: uncertain members, and
// referenced identifiers that a live member names. They are listed once for all breaches that need them: after a
// restart there are as many breaches as members, and as many witnesses.
type witnesses struct {
	ids    []chord.ID // in order; scratch
	listed bool       // for this raise
}

// witnessBetween reports whether a witness lies strictly between from and to, clockwise.
func (r *Ring) witnessBetween(from, to chord.ID) bool {
	w := &r.witness
	if !w.listed {
		w.listed = true
		w.ids = w.ids[:0]
		r.tree.all(func(m *record) {
			r.work++
			if m.doubtful {
				w.ids = append(w.ids, m.id)
			}
		})
		for m := range r.referencedOnly {
			r.work++
			if m.isVouchedFor() {
				w.ids = append(w.ids, m.id)
			}
		}
		slices.SortFunc(w.ids, chord.ID.Compare)
	}
	if len(w.ids) == 0 {
		return false
	}
	next, found := slices.BinarySearchFunc(w.ids, from, chord.ID.Compare)
	if found {
		next++
	}
	return chord.Between(from, w.ids[next%len(w.ids)], to)
}

// formed caches the oldest incarnation for formedBy. A member that is newly counted can only make it older; a member
// that is no longer counted may have been the oldest.
type formed struct {
	oldest int64
	known  bool
}

// noteCounted updates the oldest incarnation when a member begins or ceases to count: was and is are whether the member
// counted before and counts now, wasInc and isInc its incarnations before and now.
func (r *Ring) noteCounted(was, is bool, wasInc, isInc int64) {
	f := &r.formed
	if was && wasInc <= f.oldest {
		f.known = false
	}
	if is && isInc < f.oldest {
		f.oldest = isInc
	}
}
