package ring

import (
	"time"

	"chordconductor/otel/chordevent"
)

// applyMember applies an event to the registers of the member that emitted it, and reports whether that changed any of
// them.
func (r *Ring) applyMember(x *record, ev *chordevent.Event, arrived time.Time) bool {
	seq := ev.Node.Seq
	earlier := x.first.IsZero() || ev.Time.Before(x.first)
	if earlier {
		x.first = ev.Time
		r.touch(x)
	}
	x.noteSource(ev.Instance, arrived)
	if x.seqs.has(seq) {
		before := x.faults
		if x.sources[1].instance != "" {
			r.noted = true
			r.updateStatus(x)
			r.members.by(r.due(x))
		}
		return earlier || x.faults != before
	}
	at := r.ringTime(ev)
	if ahead := ev.Time.Sub(at); ahead != x.ahead { // the host has stated another offset since: the earlier lag is corrected by it, too
		x.lag += ahead - x.ahead
		x.ahead = ahead
	}
	if lag := arrived.Sub(at); x.newest == 0 || lag < x.lag {
		x.lag = lag
	}
	if seq > x.newest {
		x.clock = x.clock.next(ev.Time, arrived, arrived.Sub(x.arrived))
		x.newest, x.last, x.host = seq, at, ev.Host
	}
	if arrived.After(x.arrived) {
		x.arrived = arrived
	}
	switch body := ev.Body.(type) {
	case chordevent.Started:
		r.setStarted(x, seq, body)
		x.reportedStatus.set(seq, chordevent.StatusJoining)
	case chordevent.Joined:
		x.reportedStatus.set(seq, chordevent.StatusActive)
	case chordevent.SuccessorsChanged:
		r.setSuccessors(x, seq, body.Successors)
	case chordevent.PredecessorChanged:
		r.setPredecessor(x, seq, body.Predecessor)
	case chordevent.OwnershipChanged:
		r.setOwnership(x, seq, body.Ownership)
	case chordevent.FingersChanged:
		for _, run := range body.Runs {
			r.runs = x.fingers.set(run, seq, r.runs)
		}
		x.runBytes = x.fingers.size()
		x.fingersOK = false
	case chordevent.NodeLoad:
		x.load.set(seq, body.Load)
	case chordevent.Leaving:
		x.reportedStatus.set(seq, chordevent.StatusLeaving)
	case chordevent.Left:
		x.reportedStatus.set(seq, chordevent.StatusLeft)
	case chordevent.State:
		r.setState(x, seq, &body)
		r.lost.note(ev.Instance, body.Lost)
	}
	x.seqs.add(seq)
	r.updateStatus(x)
	r.touch(x)
	r.members.by(r.due(x))
	return true
}

func (r *Ring) setState(x *record, seq int64, s *chordevent.State) {
	x.seqs.cover(seq)
	r.setStarted(x, seq, s.Started)
	x.reportedStatus.set(seq, s.Status)
	x.period.set(seq, s.Period)
	r.setSuccessors(x, seq, s.Successors)
	r.setPredecessor(x, seq, s.Predecessor)
	r.setOwnership(x, seq, s.Ownership)
	x.load.set(seq, s.Load)
	r.runs = x.fingers.replace(s.Fingers, seq, r.runs)
	x.runBytes = x.fingers.size()
	x.fingersOK = false
}

func (r *Ring) setStarted(x *record, seq int64, s chordevent.Started) {
	if x.started.set(seq, s) {
		r.updateParameters(x)
	}
}

func (r *Ring) setPredecessor(x *record, seq int64, p chordevent.PeerRef) {
	if x.pred.set(seq, p) {
		r.updatePointer(x, predecessor)
	}
}

func (r *Ring) setSuccessors(x *record, seq int64, list []chordevent.PeerRef) {
	was := x.succ.val
	if !x.succ.set(seq, list) {
		return
	}
	x.listBytes = chordevent.PeersSize(list)
	if !samePeers(was, list) {
		r.updateList(x)
	}
}

func (r *Ring) setOwnership(x *record, seq int64, o chordevent.Ownership) {
	was := x.owned.val
	if x.owned.set(seq, o) && was != o {
		r.updateOwnership(x)
	}
}

// samePeers reports whether two lists name the same incarnations. It ignores the event numbers in the lists.
func samePeers(a, b []chordevent.PeerRef) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Peer != b[i].Peer {
			return false
		}
	}
	return true
}

// newIncarnation begins a new incarnation of a member: nothing that the old one reported counts any more.
func (r *Ring) newIncarnation(x *record, inc int64) {
	if x.inc != 0 && x.newest != 0 {
		x.rival = rival{x.inc, x.newest, x.arrived, x.arrived}
	}
	x.reports.since(inc)
	x.incarnationState = incarnationState{inc: inc}
	x.fingersOK = false
	r.updateParameters(x)
	r.updatePointer(x, predecessor)
	r.updateList(x)
	r.updateOwnership(x)
}
