package ring

import (
	"slices"
	"time"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// The ages of a member's newest event, in keyframe periods, at which the member's telemetry is overdue and at which the
// member is silent. The next keyframe is due after one period; the other half period allows for its delivery.
//
// overduePeriods determines the staleness bound.
const (
	overduePeriods = 1.5
	silentPeriods  = 3
)

// outage is how long a falsely suspected member may be unable to emit events.
const outage = time.Minute

func periods(x *record, n float64) time.Duration {
	return time.Duration(n * float64(x.keyframePeriod()))
}

// maxLag is the greatest sum of clock difference and delivery time. An event with a greater lag is an old one, of a
// member that could not be reached.
const maxLag = 5 * time.Second

// StalenessBound returns the greatest age of a field of a member that is not uncertain: the member sends its whole
// state every keyframe period, and its telemetry takes the time way to arrive (docs/adr/0010).
func StalenessBound(keyframe, way time.Duration) time.Duration {
	return min(way, maxLag) + time.Duration(overduePeriods*float64(keyframe))
}

// overdueAt returns when x becomes uncertain if no more events of x arrive. It counts from the newest event's own time,
// not from its arrival, which may be late.
func overdueAt(x *record) time.Time {
	return x.last.Add(StalenessBound(x.keyframePeriod(), x.lag))
}

// gone reports whether s is Left or Failed.
func (s MemberStatus) gone() bool { return s == Left || s == Failed }

// statusNow returns a member's present status, which depends on the member's registers, on reports of its death and on
// the time.
func (r *Ring) statusNow(x *record) MemberStatus {
	switch died := x.died(); {
	case x.reportedStatus.val == chordevent.StatusLeft:
		return Left
	case died:
		return Failed
	case !r.now.Before(x.arrived.Add(periods(x, silentPeriods))):
		return Silent
	}
	switch x.reportedStatus.val {
	case chordevent.StatusActive:
		return Active
	case chordevent.StatusLeaving:
		return Leaving
	}
	return Joining
}

// uncertainNow reports whether x's fields, or the report of its death, may be outdated; s is its status.
func (r *Ring) uncertainNow(x *record, s MemberStatus) bool {
	switch s {
	case Left:
		return false
	case Failed:
		return r.now.Before(x.confirmedAt(x.reports.find(x.inc)))
	}
	return x.faults.inIdentity() || s == Silent || x.seqs.missing() > 0 || x.lacksList() || !r.now.Before(overdueAt(x))
}

// lacksList reports whether x is on the ring and its successor list has not arrived.
func (x *record) lacksList() bool { return x.succ.seq == 0 && x.wasIn() }

// wasIn reports whether x was on the ring according to the newest status that x has emitted.
func (x *record) wasIn() bool {
	return x.reportedStatus.val == chordevent.StatusActive || x.reportedStatus.val == chordevent.StatusLeaving
}

// isMember reports whether x, with status s, counts as a member of the ring. A silent member counts until the list of
// the member before it skips it.
func (x *record) isMember(s MemberStatus) bool {
	if x.refused {
		return false
	}
	switch s {
	case Active, Leaving:
		return true
	case Silent:
		return !x.skippedSilent && x.wasIn()
	}
	return false
}

// isDoubtful reports whether x, with status s, may be a member of the ring and is uncertain.
func (x *record) isDoubtful(s MemberStatus, uncertain bool) bool {
	return uncertain && !s.gone() && !x.skippedSilent && !x.refused
}

// updateStatus updates a member's status: see statusNow.
func (r *Ring) updateStatus(x *record) {
	s := r.statusNow(x)
	if s != Silent {
		x.skippedSilent = false
	}
	r.updateFaults(x, s)
	r.setReporting(x)
	uncertain, missing := r.uncertainNow(x, s), x.seqs.missing()
	doubtful := x.isDoubtful(s, uncertain)
	if s != x.status || uncertain != x.uncertain || missing != x.missing || doubtful != x.doubtful {
		r.tallyBy(x, -1)
		turned := s != x.status
		if doubtful && !x.doubtful {
			x.since = r.now
		}
		x.status, x.uncertain, x.missing, x.doubtful = s, uncertain, missing, doubtful
		r.tallyBy(x, +1)
		if turned {
			r.noteCause(x)
			r.checkList(x)
		}
		r.unchecked = true
		r.touch(x)
	}
	if now := x.stanceNow(); now != x.stance {
		rejoined := now.counted != x.counted || now.counted && now.countedAs != x.countedAs
		r.updateStance(x, now)
		if rejoined {
			r.updateOwnership(x)
			r.touch(x)
		}
	}
	r.updateParameters(x)
	r.updateHosting(x)
}

func (r *Ring) tallyBy(x *record, sign int) {
	if x.status == 0 {
		return // not tallied yet
	}
	if x.refused {
		r.refused += sign
		return
	}
	r.tally[x.status] += sign
	if x.doubtful {
		r.doubtful += sign
	}
	if !x.status.gone() {
		r.missing += int64(sign) * x.missing
	}
}

// due returns the next instant at which x's state changes without a further event.
func (r *Ring) due(x *record) time.Time { return r.faultsEnd(x, r.statusDue(x)) }

func (r *Ring) statusDue(x *record) time.Time {
	switch {
	case x.status == Failed && x.uncertain:
		return x.confirmedAt(x.reports.find(x.inc))
	case x.status.gone() || x.status == Silent:
		return r.forgetAt(x)
	}
	if overdue := overdueAt(x); r.now.Before(overdue) {
		return overdue
	}
	return x.arrived.Add(periods(x, silentPeriods))
}

// forgetAt returns when a member that is gone or silent is forgotten.
func (r *Ring) forgetAt(x *record) time.Time {
	at := x.arrived
	if x.status == Silent {
		at = at.Add(periods(x, silentPeriods))
	} else if d := x.reports.find(x.inc); d != nil && d.arrived.After(at) {
		at = d.arrived
	}
	return at.Add(r.opt.Forget)
}

// sweep applies all changes that have become due.
func (r *Ring) sweep() (changed bool) {
	if r.members.rings(r.now) {
		changed = r.sweepMembers()
	}
	if r.others.rings(r.now) {
		changed = r.sweepReferenced() || changed
		changed = r.raise() || changed
		changed = r.moves.forget(r) || changed
	}
	changed = r.sweepHosts() || changed
	return changed
}

func (r *Ring) sweepMembers() (changed bool) {
	var forget []*record
	r.tree.all(func(x *record) {
		s, u, f := x.status, x.uncertain, x.faults
		r.forgetReports(x)
		r.updateStatus(x)
		changed = changed || s != x.status || u != x.uncertain || f != x.faults
		if (x.status.gone() || x.status == Silent) && !r.now.Before(r.forgetAt(x)) {
			forget = append(forget, x)
			return
		}
		r.members.by(r.due(x))
	})
	for _, x := range forget {
		r.forget(x)
	}
	return changed || len(forget) > 0
}

// An alarm is the earliest instant at which something may change without an event.
type alarm struct{ at time.Time }

// by sets the alarm to an instant, unless it is set to an earlier one.
func (a *alarm) by(at time.Time) {
	if a.at.IsZero() || at.Before(a.at) {
		a.at = at
	}
}

// rings reports whether the alarm's instant has come by now; if so it unsets the alarm.
func (a *alarm) rings(now time.Time) bool {
	if a.at.IsZero() || now.Before(a.at) {
		return false
	}
	a.at = time.Time{}
	return true
}

// enroll returns the member that an event is about. It makes a new one if there is room, and returns nil if there is
// none.
func (r *Ring) enroll(id chord.ID, inc int64) *record {
	x := r.records[id]
	if x != nil && x.seen {
		return x
	}
	if r.seenCount == r.opt.MaxMembers && !r.makeRoom() {
		return nil
	}
	x = r.recordOf(id)
	r.dropReferenced(x)
	x.seen, x.inc = true, inc
	x.reports.since(inc)
	r.seenCount++
	r.tree.insert(x)
	r.regroup = true
	return x
}

// makeRoom forgets at most a sixteenth of the members: those that are gone or silent and whose newest events are the
// oldest. If it finds none it searches again only after the next Advance, so that a flood of new members costs little.
func (r *Ring) makeRoom() bool {
	if r.full {
		return false
	}
	var idle []*record
	r.tree.all(func(x *record) {
		if x.status.gone() || x.status == Silent {
			idle = append(idle, x)
		}
	})
	if len(idle) == 0 {
		r.full = true
		return false
	}
	slices.SortFunc(idle, func(a, b *record) int { return r.forgetAt(a).Compare(r.forgetAt(b)) })
	for _, x := range idle[:min(len(idle), 1+r.opt.MaxMembers/16)] {
		r.forget(x)
	}
	return true
}

// forget removes a member. While others name the member, its identifier stays, with the reports of its death.
func (r *Ring) forget(x *record) {
	r.tallyBy(x, -1)
	x.reports.since(x.inc)
	set(&x.reporting, false, &r.reporting)
	r.setFaults(x, 0)
	r.updateStance(x, stance{reported: x.reports.incarnations()})
	r.updateHosting(x)
	x.incarnationState = incarnationState{}
	r.updatePointer(x, predecessor)
	r.updatePointer(x, head)
	r.updateOwnership(x)
	r.closeAll(x)
	r.tree.remove(x)
	if x.vote.parameters != (parameters{}) && r.cast(x, vote{}) {
		r.tree.all(r.updateRefused)
	}
	r.seenCount--
	r.bytes -= x.memory
	r.regroup = true
	*x = record{id: x.id, reports: x.reports, since: r.now, named: x.named, stance: x.stance}
	r.referencedOnly[x] = struct{}{}
	r.touched = append(r.touched, x.id)
	r.keep(x)
}
