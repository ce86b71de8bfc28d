package ring

import (
	"slices"

	"chordconductor/node/chord"
)

// Where a member's first live successor leads, as far as the view can tell.
const (
	nowhere = -1 // all its entries are dead
	unknown = -2 // the member, or somebody it names, is not known well enough
)

// check judges the conditions that speak of all members at once. It claims no more than is known: of a member that is
// uncertain nothing is concluded. When every pointer is right, which the ring error says, they all hold; and of r certain
// members or fewer they are not required.
func (r *Ring) check() (changed bool) {
	r.unchecked, r.revised = false, false
	r.round++
	changed = r.passOver()
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

// passOver stops counting the silent members whom the nearest member before them that is not silent reaches beyond in
// its list: peers found them dead, and their reports were lost.
func (r *Ring) passOver() (changed bool) {
	if r.tally[Silent] == 0 {
		return false
	}
	var vocal *record // the last one before
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
		if passed := vocal.skips(x); passed != x.skippedSilent {
			x.skippedSilent, changed = passed, true
			r.updateStatus(x)
		}
	})
	return changed
}

// skips says that y lies strictly between two neighbours of x's list, x being its first entry.
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

// found notes a breach that check sees, caused by the latest change of those involved.
func (r *Ring) found(condition string, of *record, involved []*record, detail string) {
	latest := involved[0]
	for _, x := range involved {
		if x.changedBy > latest.changedBy {
			latest = x
		}
	}
	before := r.by
	r.by = latest.turnedBy
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
