package ring

import (
	"slices"

	"chordconductor/node/chord"
)

// Special values for the member that a member's first live successor is, as far as the view shows.
const (
	nowhere = -1 // all entries of the member's list are dead
	unknown = -2 // the member, or a peer that its list names, is uncertain
)

// check checks the conditions on all members together. It concludes nothing about an uncertain member. The conditions
// hold whenever every pointer is right (the ring error is 0). They are not required of r certain members or fewer.
func (r *Ring) check() (changed bool) {
	r.unchecked, r.revised = false, false
	r.round++
	changed = r.skipSilent()
	if n := r.tree.total().live; r.parameters.listLen > 0 && n > r.parameters.listLen && r.sums.total(n) > 0 {
		r.rankAll()
		r.checkPrincipals()
		r.checkSuccessors()
	}
	var over []*breach
	for _, b := range r.breaches {
		if b.round != 0 && b.round != r.round {
			over = append(over, b)
		}
	}
	slices.SortFunc(over, (*breach).compare)
	for _, b := range over {
		changed = r.resolveBreach(b.condition, b.of) || changed
	}
	return changed || r.revised
}

// rankAll lists the counted members by identifier, and sets their ranks.
func (r *Ring) rankAll() {
	r.live, r.heads = r.live[:0], r.heads[:0]
	r.headAt = 0
	if bits := r.parameters.bits; bits > 0 {
		r.headAt = min(len(chord.ID{})-(bits+7)/8, len(chord.ID{})-8)
	}
	r.tree.all(func(x *record) {
		if x.counted {
			x.rank = len(r.live)
			r.live = append(r.live, x)
			r.heads = append(r.heads, r.headOf(x.id))
		}
	})
}

// skipSilent stops counting a silent member if the list of the nearest member before it that is not silent skips it:
// then peers found the member dead, and their reports were lost.
func (r *Ring) skipSilent() (changed bool) {
	if r.tally[Silent] == 0 {
		return false
	}
	var vocal *record // the last member before that is not silent
	vocalSoFar := func(x *record) {
		if x.counted && x.status != Silent {
			vocal = x
		}
	}
	r.tree.all(vocalSoFar) // around the circle, the greatest precedes the least
	r.tree.all(func(x *record) {
		vocalSoFar(x)
		if x.status != Silent || vocal == nil || vocal.uncertain {
			return
		}
		if skipped := vocal.skips(x); skipped != x.skippedSilent {
			x.skippedSilent, changed = skipped, true
			r.updateStatus(x)
		}
	})
	return changed
}

// skips reports whether y lies strictly between two neighbours of x's list, x being its first entry.
func (x *record) skips(y *record) bool {
	last := x.id
	for _, p := range x.succ.val {
		if !p.Real() {
			return false
		}
		if chord.Between(last, y.id, p.ID) {
			return true
		}
		last = p.ID
	}
	return false
}

// found records a breach that check found, caused by the latest change of the members involved.
func (r *Ring) found(condition string, of *record, involved []*record, detail string) {
	latest := involved[0]
	for _, x := range involved {
		if x.changedBy > latest.changedBy {
			latest = x
		}
	}
	before := r.by
	r.by = latest.cause
	b := r.breach(condition, of)
	r.by = before
	b.round = r.round
	var members []chord.ID
	if of == nil {
		for _, x := range involved[:min(len(involved), maxNamed)] {
			members = append(members, x.id)
		}
	}
	if b.detail != detail || !slices.Equal(b.members, members) {
		b.detail, b.members = detail, members
		r.revised = r.revised || b.raised
	}
}
