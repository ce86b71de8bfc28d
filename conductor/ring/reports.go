package ring

import (
	"cmp"
	"slices"
	"time"

	"go.opentelemetry.io/otel/trace"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// A report combines everything that peers have reported of the death of one incarnation.
type report struct {
	inc     int64
	seq     int64     // the greatest event number that a reporter had received
	at      time.Time // the latest report's timestamp, in ring time
	arrived time.Time // when the last report arrived that changed one of these fields
	trace   trace.TraceID
}

// maxReports bounds the incarnations of one member whose reported deaths are kept: the member's own, and the lowest of
// those without any event. A report of a further incarnation is dropped; if that incarnation emits events and ends, it
// becomes silent instead of failed.
const maxReports = 4

// reports are the reports of one member, by incarnation. A report concerns only the incarnation that it names: a report
// of an incarnation that never existed must neither end one that exists, nor hide its end.
type reports []report

// find returns the report of an incarnation, or nil.
func (d reports) find(inc int64) *report {
	for i := range d {
		if d[i].inc == inc {
			return &d[i]
		}
	}
	return nil
}

// latest returns the instant at which the newest of the reports arrived.
func (d reports) latest() (at time.Time) {
	for i := range d {
		if d[i].arrived.After(at) {
			at = d[i].arrived
		}
	}
	return at
}

// merge adds a further report by a peer; own is the incarnation whose events arrive. It takes maxima, so order and
// repetition do not matter. It returns whether the report is new, and whether it is the first about its incarnation.
func (d *reports) merge(peer chordevent.PeerRef, own int64, at, arrived time.Time, by trace.TraceID) (isNew, first bool) {
	inc := peer.Incarnation
	if inc < own {
		return false, false // has ended in any case
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

// since drops the reports about incarnations before the given one.
func (d *reports) since(inc int64) {
	*d = slices.DeleteFunc(*d, func(x report) bool { return x.inc < inc })
	if len(*d) == 0 {
		*d = nil
	}
}

// incarnations returns the incarnations that are reported dead, as a comparable value.
func (d reports) incarnations() (all [maxReports]int64) {
	for i := range d {
		all[i] = d[i].inc
	}
	return all
}

// maxOvertaken bounds the events after the last one that a reporter received and before the death that it reports.
const maxOvertaken = 64

// died reports whether the member's death has been reported and not refuted. An event with a greater number refutes a
// report, unless the event's own timestamp is before the report: an event that a member emitted between the reporter's
// last contact with it and its crash must not make it active again. Both timestamps are in ring time (ringTime). In
// case ring time is wrong too, maxOvertaken events with a greater number refute the report whatever their timestamps
// are.
func (x *record) died() bool {
	d := x.reports.find(x.inc)
	return d != nil && (d.seq >= x.newest || x.last.Before(d.at) && x.newest-d.seq <= maxOvertaken)
}

// confirmedAt returns when a reported death of an incarnation is certain: if the incarnation was alive, an event of it
// would have arrived by then, even after an outage.
func (x *record) confirmedAt(d *report) time.Time {
	return d.arrived.Add(outage + periods(x, silentPeriods))
}

// applyReport applies ev's report of peer's death. It returns whether the report is new, and whether it makes the peer
// failed.
func (r *Ring) applyReport(ev *chordevent.Event, peer chordevent.PeerRef, arrived time.Time) (isNew, death bool) {
	if !peer.Real() {
		return false, false
	}
	x := r.recordOf(peer.ID)
	gone := x.status.gone()
	isNew, first := x.reports.merge(peer, x.inc, r.ringTime(ev), arrived, ev.Trace)
	if !x.seen {
		r.updateStance(x, x.stanceNow())
		kept := r.keep(x)
		return kept && isNew, kept && first
	}
	if !isNew {
		return false, false
	}
	r.updateStatus(x)
	if now := x.stanceNow(); now != x.stance {
		r.updateStance(x, now)
	}
	r.touch(x)
	r.members.by(r.due(x))
	return true, x.status == Failed && !gone
}

// setReporting records whether later incarnations of a member are reported dead.
func (r *Ring) setReporting(x *record) {
	n := len(x.reports)
	set(&x.reporting, x.seen && n > 0 && x.reports[n-1].inc > x.inc, &r.reporting)
}

// forgetReports drops reports about incarnations of which no event has arrived for Options.Forget.
func (r *Ring) forgetReports(x *record) {
	if x.reporting {
		x.reports = slices.DeleteFunc(x.reports, func(d report) bool { return d.inc > x.inc && !r.now.Before(d.arrived.Add(r.opt.Forget)) })
	}
}

// surelyDead reports whether x's incarnation inc has certainly ended.
func (x *record) surelyDead(inc int64) bool {
	switch {
	case x.rivalInc != 0 && inc == x.rivalInc:
		return false
	case x.seen && inc <= x.inc:
		return inc < x.inc || x.status.gone()
	}
	return x.reports.find(inc) != nil
}

// addReported adds the incarnations of x without any event that may yet refute their reported deaths.
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
