package ring

import "chordconductor/otel/chordevent"

// assert checks what must hold of every view, whatever events arrive, in a time that does not grow with the ring. Tests
// compare the same sums with those over all members. See package assertion.
func (r *Ring) assert(v *View) {
	counts := r.opt.Assertions
	if w := r.tree.total(); w.live < 0 || w.live > r.counted || w.owners < 0 || w.owners > r.counted || w.starts != w.ends {
		counts.Failed(chordevent.AssertTreeWeights, "%+v, %d members counted", w, r.counted)
	}
	tallied := 0
	for _, n := range r.tally {
		tallied += n
	}
	if tallied+r.refused != r.seenCount || tallied != len(v.Members) {
		counts.Failed(chordevent.AssertMemberCounts, "%v by status and %d refused, of %d, %d shown", r.tally, r.refused, r.seenCount, len(v.Members))
	}
	if r.doubtful < 0 || r.faulty < 0 || r.shorts < 0 || r.missing < 0 || r.lost.total < 0 || r.bytes < 0 {
		counts.Failed(chordevent.AssertNonNegative, "%d uncertain, %d with faults, %d short, %d events missing, %d lost, %d bytes", r.doubtful, r.faulty, r.shorts, r.missing, r.lost.total, r.bytes)
	}
	if int64(v.Error) < 0 || int64(v.ErrorUnknown) < 0 {
		counts.Failed(chordevent.AssertRingErrorSums, "ring error %d, unknown %d: %+v", int64(v.Error), int64(v.ErrorUnknown), r.sums)
	}
}
