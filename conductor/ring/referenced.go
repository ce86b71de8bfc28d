package ring

import (
	"chordconductor/node/chord"
)

// maxReported bounds the referenced identifiers that no member names. Referenced identifiers are those without an event
// of their own yet: peers that members name as predecessor or head, at most two for each member, and peers reported
// dead that no member names. A report beyond the bound is dropped; if an event of its member ever arrives, that member
// becomes silent instead of failed.
const maxReported = 1024

// recordOf returns the record of an identifier. If there is none, it makes one that is only referenced.
func (r *Ring) recordOf(id chord.ID) *record {
	x := r.records[id]
	if x == nil {
		x = &record{id: id, since: r.now}
		r.records[id] = x
		r.referencedOnly[x] = struct{}{}
	}
	return x
}

// dropReferenced removes a record from those that are only referenced: it becomes a member.
func (r *Ring) dropReferenced(x *record) {
	r.setReported(x, false)
	delete(r.referencedOnly, x)
}

// keep decides whether a record that is only referenced is still needed, and drops it if it is not. It reports whether
// the record is kept.
func (r *Ring) keep(x *record) bool {
	if len(x.named[predecessor])+len(x.named[head]) > 0 {
		r.setReported(x, false)
		return true
	}
	end := x.reports.latest().Add(r.opt.Forget)
	if len(x.reports) > 0 && r.now.Before(end) && (x.kept || r.reported < maxReported) {
		r.setReported(x, true)
		r.others.by(end)
		return true
	}
	r.setReported(x, false)
	delete(r.referencedOnly, x)
	delete(r.records, x.id)
	return false
}

// sweepReferenced drops the identifiers that were reported long ago.
func (r *Ring) sweepReferenced() (changed bool) {
	for x := range r.referencedOnly {
		changed = !r.keep(x) || changed
	}
	return changed
}

// isVouchedFor reports whether a member that is alive according to the view names x.
func (x *record) isVouchedFor() bool {
	for _, by := range x.named {
		for _, m := range by {
			if !m.refused && !m.status.gone() && m.status != Silent {
				return true
			}
		}
	}
	return false
}

func (r *Ring) setReported(x *record, reported bool) { set(&x.kept, reported, &r.reported) }

// set changes a flag, and n, the number of records that have the flag.
func set(flag *bool, to bool, n *int) {
	if *flag == to {
		return
	}
	*flag = to
	if to {
		*n++
	} else {
		*n--
	}
}
