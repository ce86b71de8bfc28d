package ring

import (
	"slices"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// View returns the ring at present. It shares with the last View what has not changed.
func (r *Ring) View() *View {
	certainty, unseen := r.certainty()
	counts := r.countsNow(unseen)
	last := r.view
	if last != nil && last.Certainty.equal(&certainty) {
		certainty = last.Certainty
		if last.Seq == r.seq && last.Status != Forming { // time alone ends forming
			if counts != last.Counts || !last.Time.Equal(r.now) {
				v := *last
				v.Time, v.Counts = r.now, counts
				r.view = &v
			}
			return r.view
		}
	}
	v := &View{
		Seq: r.seq, Time: r.now, Name: r.name, Counts: counts, Certainty: certainty,
		Bits: r.parameters.bits, ListLen: r.parameters.listLen, Replicas: r.parameters.replicas,
	}
	v.Error, v.ErrorUnknown = uint64(r.sums.total(r.tree.total().live)), uint64(r.errorUnknown(unseen))
	v.Members = r.showMembers(v.Error > 0)
	v.Violations = r.violations()
	v.Moves = r.moves.view()
	v.Hosts = r.showHosts()
	var violated int
	violated, v.Gaps, v.Overlaps, v.Short = r.countOpen()
	v.Status = r.status(violated, certainty.All())
	v.Tolerance = r.tolerance()
	v.Faults, v.FaultCounts = r.listFaults()
	r.view = v
	r.assert(v)
	return v
}

func (r *Ring) countsNow(unseen int) Counts {
	c := r.counts
	c.Joining, c.Active, c.Leaving = r.tally[Joining], r.tally[Active], r.tally[Leaving]
	c.Left, c.Failed, c.Silent = r.tally[Left], r.tally[Failed], r.tally[Silent]
	c.RefusedMembers = r.refused
	c.Uncertain, c.Missing, c.Lost, c.Unheard = r.doubtful, r.missing, r.lost.total, unseen
	return c
}

// showMembers lists all members by identifier, and makes new Members of those that have changed.
func (r *Ring) showMembers(errors bool) []*Member {
	var out []*Member
	switch {
	case r.regroup || r.view == nil:
		r.regroup = false
		r.order = r.order[:0]
		r.tree.all(func(x *record) {
			if !x.refused {
				r.order = append(r.order, x)
			}
		})
		out = make([]*Member, len(r.order))
		for i, x := range r.order {
			if i > 0 && r.order[i-1].id.Compare(x.id) >= 0 {
				r.opt.Assertions.Failed(chordevent.AssertMemberOrder, "%x after %x", x.id, r.order[i-1].id)
			}
			x.position = i
			out[i] = x.shown
		}
	case len(r.dirty) == 0 && !errors && !r.errors:
		return r.view.Members
	default:
		out = slices.Clone(r.view.Members)
	}
	if errors || r.errors {
		r.errors = errors
		r.showErrors()
	}
	for _, x := range r.dirty {
		switch {
		case x.refused:
			x.dirty = false
		case x.dirty:
			out[x.position] = r.show(x)
		}
	}
	r.dirty = r.dirty[:0]
	return out
}

// showErrors makes a member dirty if its share of the ring error differs from the shown one. Joins and failures of
// other members change that share, so all members are checked: at each view, not at each event.
func (r *Ring) showErrors() {
	n := 0
	for _, x := range r.order {
		if x.sure {
			x.rank = n
			n++
		}
	}
	for _, x := range r.order {
		if e := x.errorOf(n); e != x.error {
			x.error = e
			if !x.dirty {
				x.dirty = true
				r.dirty = append(r.dirty, x)
			}
		}
	}
}

// show returns the Member that shows x to readers.
func (r *Ring) show(x *record) *Member {
	x.dirty = false
	if !x.fingersOK {
		x.fingersOf, x.fingersOK = x.fingers.view(), true
	}
	x.shown = &Member{
		ID: x.id, Incarnation: x.inc, Seq: x.newest, Host: x.host, Ring: r.name,
		Status: x.status, Uncertain: x.uncertain, Missing: x.missing, Error: x.error, Changed: r.seq,
		FirstEvent: x.first, LastEvent: x.last, Started: x.started.val,
		Predecessor: x.pred.val, Successors: x.succ.val, Ownership: x.owned.val, Fingers: x.fingersOf, Load: x.load.val,
		Keyframe: x.keyframePeriod(),
	}
	return x.shown
}

// Member returns one member in its present state, or nil if it is not known.
func (r *Ring) Member(id chord.ID) *Member {
	x := r.records[id]
	if x == nil || !x.seen {
		return nil
	}
	return r.View().Member(id)
}
