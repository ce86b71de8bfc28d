package ring

import (
	"cmp"
	"slices"
	"time"

	"go.opentelemetry.io/otel/trace"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// A report is the sum of what peers reported of the death of one incarnation.
type report struct {
	inc     int64
	seq     int64     // the greatest event number that a reporter knew of
	at      time.Time // the latest report's timestamp, by the ring's time
	arrived time.Time // when the last report that changed these arrived
	trace   trace.TraceID
}

// maxReports bounds the incarnations of one member whose reported deaths are known: its own, and of those of which no
// event has arrived the lowest. A report of a further one is dropped; should that incarnation emit events and end, it
// falls silent instead.
const maxReports = 4

// reports are those of one member, by incarnation. A report concerns the incarnation that it names, and no other: one of
// an incarnation that never was must not end, nor hide the end of, one that is.
type reports []report

// find is the report of an incarnation, or nil.
func (d reports) find(inc int64) *report {
	for i := range d {
		if d[i].inc == inc {
			return &d[i]
		}
	}
	return nil
}

// latest is when the last of them arrived.
func (d reports) latest() (at time.Time) {
	for i := range d {
		if d[i].arrived.After(at) {
			at = d[i].arrived
		}
	}
	return at
}

// merge takes a further report of a peer in, of which own is the incarnation whose events arrive. Maxima make it
// indifferent to order and repetition. It says whether that is news, and whether it is the first of its incarnation.
func (d *reports) merge(peer chordevent.PeerRef, own int64, at, arrived time.Time, by trace.TraceID) (news, first bool) {
	inc := peer.Incarnation
	if inc < own {
		return false, false // over in any case
	}
	if x := d.find(inc); x != nil {
		if peer.Seq <= x.seq && !at.After(x.at) {
			return false, false
		}
		if at.After(x.at) {
			x.at, x.trace = at, by
		}
		x.seq, x.arrived = max(x.seq, peer.Seq), arrived
		return true, false
	}
	*d = append(*d, report{inc, peer.Seq, at, arrived, by})
	slices.SortFunc(*d, func(a, b report) int { return cmp.Compare(a.inc, b.inc) })
	if len(*d) > maxReports {
		*d = (*d)[:maxReports]
	}
	return d.find(inc) != nil, true
}

// since drops those of incarnations before one.
func (d *reports) since(inc int64) {
	*d = slices.DeleteFunc(*d, func(x report) bool { return x.inc < inc })
	if len(*d) == 0 {
		*d = nil
	}
}

// incarnations are those that are reported, in a form that can be compared.
func (d reports) incarnations() (all [maxReports]int64) {
	for i := range d {
		all[i] = d[i].inc
	}
	return all
}

// maxOvertaken is how many events beyond the number a reporter knew can have been emitted before the death it reports.
const maxOvertaken = 64

// died reports whether the member's death has been reported and not refuted. An event with a greater number refutes a
// report, unless its own timestamp says that it was emitted before the report: what a member emitted between the
// reporter's last contact with it and its crash must not bring it back to life. Both timestamps are by the ring's time
// (ringTime). Should they disagree all the same, maxOvertaken events refute whatever their timestamps are.
func (x *record) died() bool {
	d := x.reports.find(x.inc)
	return d != nil && (d.seq >= x.newest || x.last.Before(d.at) && x.newest-d.seq <= maxOvertaken)
}

// confirmedAt is when a reported death of an incarnation is certain: by then one that lives would have been received,
// even if it could not be for as long as an outage.
func (x *record) confirmedAt(d *report) time.Time {
	return d.arrived.Add(outage + periods(x, silentPeriods))
}

// applyReport folds a report of a peer's death, and says whether it is news, and whether that is the death.
func (r *Ring) applyReport(ev *chordevent.Event, peer chordevent.PeerRef, arrived time.Time) (news, death bool) {
	if !peer.Real() {
		return false, false
	}
	x := r.recordOf(peer.ID)
	gone := x.status.gone()
	news, first := x.reports.merge(peer, x.inc, r.ringTime(ev), arrived, ev.Trace)
	if !x.seen {
		r.restance(x, x.stanceNow())
		kept := r.keep(x)
		return kept && news, kept && first
	}
	if !news {
		return false, false
	}
	r.updateStatus(x)
	if now := x.stanceNow(); now != x.stance {
		r.restance(x, now)
	}
	r.touch(x)
	r.members.by(r.due(x))
	return true, x.status == Failed && !gone
}

// setReporting notes whether a member's later incarnations are reported dead.
func (r *Ring) setReporting(x *record) {
	n := len(x.reports)
	set(&x.reporting, x.seen && n > 0 && x.reports[n-1].inc > x.inc, &r.reporting)
}

// forgetReports drops those of incarnations of which no event has arrived for long.
func (r *Ring) forgetReports(x *record) {
	if x.reporting {
		x.reports = slices.DeleteFunc(x.reports, func(d report) bool { return d.inc > x.inc && !r.now.Before(d.arrived.Add(r.opt.Forget)) })
	}
}

// surelyDead says that an incarnation of x is known to be over.
func (x *record) surelyDead(inc int64) bool {
	switch {
	case x.rivalInc != 0 && inc == x.rivalInc:
		return false
	case x.seen && inc <= x.inc:
		return inc < x.inc || x.status.gone()
	}
	return x.reports.find(inc) != nil
}

// addReported adds the incarnations of x of which no event has arrived, and which may yet refute their deaths.
func (u *unseenMembers) addReported(x *record) {
	for i := range x.reports {
		if d := &x.reports[i]; (!x.seen || d.inc > x.inc) && u.r.now.Before(x.confirmedAt(d)) {
			u.add(x.id, d.inc, "", ReportedDead, d.arrived)
		}
	}
}

// add adds an incarnation, once.
func (u *unseenMembers) add(id chord.ID, inc int64, host string, why Why, since time.Time) {
	if key := (incarnation{id, inc}); !u.named[key] {
		if u.named == nil {
			u.named = make(map[incarnation]bool)
		}
		u.named[key] = true
		u.list = append(u.list, UncertainMember{id, inc, host, why, since})
	}
}
