package ring

import "slices"

// maxSpans bounds a seqSet. Beyond it the lowest span is dropped as if its events had not arrived: a member whose
// telemetry has more gaps than that stays uncertain until its next keyframe.
const maxSpans = 16

// A span is a run of event numbers, both ends included.
type span struct{ first, last int64 }

// A seqSet holds the event numbers of one incarnation that are accounted for: all numbers up to base, since the events
// arrived or a keyframe contains what they reported, and the spans above base.
type seqSet struct {
	base  int64
	spans []span // ascending, with a gap before each
}

// has reports whether event seq has been added.
func (s *seqSet) has(seq int64) bool {
	if seq <= s.base {
		return true
	}
	i := s.after(seq)
	return i > 0 && seq <= s.spans[i-1].last
}

// add adds event seq, which the set must not have yet.
func (s *seqSet) add(seq int64) {
	if len(s.spans) == 0 && seq == s.base+1 { // in order, as nearly always
		s.base = seq
		return
	}
	i := s.after(seq)
	if i > 0 && s.spans[i-1].last == seq-1 {
		s.spans[i-1].last = seq
	} else {
		s.spans = slices.Insert(s.spans, i, span{seq, seq})
		i++
	}
	if i < len(s.spans) && s.spans[i].first == seq+1 {
		s.spans[i-1].last = s.spans[i].last
		s.spans = slices.Delete(s.spans, i, i+1)
	}
	s.absorb()
	if len(s.spans) > maxSpans {
		s.spans = slices.Delete(s.spans, 0, 1)
	}
}

// cover accounts for all events up to the number of a keyframe.
func (s *seqSet) cover(seq int64) {
	if seq > s.base {
		s.base = seq
		s.absorb()
	}
}

// absorb moves base past the spans that it has reached.
func (s *seqSet) absorb() {
	n := 0
	for n < len(s.spans) && s.spans[n].first <= s.base+1 {
		s.base = max(s.base, s.spans[n].last)
		n++
	}
	s.spans = slices.Delete(s.spans, 0, n)
}

// missing returns the number of events known to exist and not accounted for: at most maxCounted.
func (s *seqSet) missing() int64 {
	var n int64
	end := s.base
	for _, sp := range s.spans {
		n += sp.first - end - 1
		end = sp.last
	}
	return min(n, maxCounted)
}

// after returns the index of the first span that begins after seq.
func (s *seqSet) after(seq int64) int {
	i := len(s.spans)
	for i > 0 && s.spans[i-1].first > seq {
		i--
	}
	return i
}
