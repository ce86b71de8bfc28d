package ring

import (
	"cmp"
	"slices"
	"time"

	"chordconductor/otel/chordevent"
)

// A HostState is the state of a host by the host's own last event. A host without members stays known, so that members
// can be started on it. It is immutable.
type HostState struct {
	chordevent.Host
	chordevent.HostState
}

// hosts holds the hosts whose state has arrived, by address: at most as many as members (Options.MaxMembers); beyond
// that the state of a further host is refused. A host that has reported its end is kept, and not shown, until it is
// forgotten, so that a late event does not bring it back.
type hosts struct {
	by    map[string]*hostRecord
	bytes int64 // of memory
	due   alarm // the next change without an event
	shown []HostState
	stale bool // shown is outdated
}

type hostRecord struct {
	HostState
	arrived time.Time
}

// present reports whether a host is running, as far as its own events show.
func (h *hostRecord) present(now time.Time) bool { return h.Period > 0 && now.Before(h.silentAt()) }

func (h *hostRecord) silentAt() time.Time { return h.arrived.Add(silentPeriods * h.Period) }

// applyHost applies a host's state: the one with the greatest incarnation and number counts. It reports whether the
// view changes, and whether the event is accepted.
func (r *Ring) applyHost(ev *chordevent.Event, body chordevent.HostState, arrived time.Time) (isNew, accepted bool) {
	x := r.stated.by[ev.Host.Address]
	if x == nil {
		if len(r.stated.by) >= r.opt.MaxMembers {
			return false, false
		}
		if !r.roomForHost(hostBytes(ev.Host)) {
			return false, false
		}
		x = &hostRecord{}
		r.stated.by[ev.Host.Address] = x
		r.stated.bytes += hostBytes(ev.Host)
	}
	if c := cmp.Or(cmp.Compare(body.Incarnation, x.Incarnation), cmp.Compare(body.Seq, x.Seq)); c <= 0 {
		return false, true
	}
	was, next := *x, HostState{ev.Host, body}
	if x.Host.Address != "" {
		r.stated.bytes += hostBytes(next.Host) - hostBytes(x.Host)
	}
	x.HostState = next
	if arrived.After(x.arrived) {
		x.arrived = arrived
	}
	r.stated.due.by(r.hostDue(x))
	next.Seq, next.ClockAhead = was.Seq, was.ClockAhead // these two fields differ in each state
	if next == was.HostState && was.present(r.now) == x.present(r.now) {
		return false, true
	}
	r.stated.stale = true
	return true, true
}

// hostDue returns the next instant at which x's state changes without a further event.
func (r *Ring) hostDue(x *hostRecord) time.Time {
	if x.present(r.now) {
		return x.silentAt()
	}
	return x.arrived.Add(silentPeriods*x.Period + r.opt.Forget)
}

// sweepHosts applies the changes that have become due.
func (r *Ring) sweepHosts() (changed bool) {
	if !r.stated.due.rings(r.now) {
		return false
	}
	for address, x := range r.stated.by {
		due := r.hostDue(x)
		if !x.present(r.now) {
			changed, r.stated.stale = true, true
			if !r.now.Before(due) {
				delete(r.stated.by, address)
				r.stated.bytes -= hostBytes(x.Host)
				continue
			}
		}
		r.stated.due.by(due)
	}
	return changed
}

// showHosts lists the hosts that are present, by address.
func (r *Ring) showHosts() []HostState {
	if r.stated.stale {
		r.stated.stale = false
		r.stated.shown = nil // a new slice, since readers keep the old one
		for _, x := range r.stated.by {
			if x.present(r.now) {
				r.stated.shown = append(r.stated.shown, x.HostState)
			}
		}
		slices.SortFunc(r.stated.shown, func(a, b HostState) int { return cmp.Compare(a.Address, b.Address) })
	}
	return r.stated.shown
}
