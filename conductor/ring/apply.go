package ring

import (
	"time"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// applyMember folds an event into the registers of the member that told it, and says whether it told something new.
func (r *Ring) applyMember(x *record, ev *chordevent.Event, arrived time.Time) bool {
	seq := ev.Node.Seq
	earlier := x.first.IsZero() || ev.Time.Before(x.first)
	if earlier {
		x.first = ev.Time
		r.touch(x)
	}
	if x.seqs.has(seq) {
		return earlier
	}
	if lag := arrived.Sub(ev.Time); x.newest == 0 || lag < x.lag {
		x.lag = lag
	}
	if seq > x.newest {
		x.newest, x.last, x.host = seq, ev.Time, ev.Host
	}
	if arrived.After(x.arrived) {
		x.arrived = arrived
	}
	switch body := ev.Body.(type) {
	case chordevent.Started:
		r.setStarted(x, seq, body)
		x.word.set(seq, chordevent.StatusJoining)
	case chordevent.Joined:
		x.word.set(seq, chordevent.StatusActive)
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
		x.fingersOK = false
	case chordevent.NodeLoad:
		x.load.set(seq, body.Load)
	case chordevent.Leaving:
		x.word.set(seq, chordevent.StatusLeaving)
	case chordevent.Left:
		x.word.set(seq, chordevent.StatusLeft)
	case chordevent.State:
		r.setState(x, seq, &body)
		r.lost.note(ev.Instance, body.Lost)
	}
	x.seqs.add(seq)
	r.restand(x)
	r.touch(x)
	r.members.by(r.due(x))
	return true
}

func (r *Ring) setState(x *record, seq int64, s *chordevent.State) {
	x.seqs.cover(seq)
	r.setStarted(x, seq, s.Started)
	x.word.set(seq, s.Status)
	x.period.set(seq, s.Period)
	r.setSuccessors(x, seq, s.Successors)
	r.setPredecessor(x, seq, s.Predecessor)
	r.setOwnership(x, seq, s.Ownership)
	x.load.set(seq, s.Load)
	r.runs = x.fingers.replace(s.Fingers, seq, r.runs)
	x.fingersOK = false
}

func (r *Ring) setStarted(x *record, seq int64, s chordevent.Started) {
	was := circleOf(x)
	if x.started.set(seq, s) {
		r.recircle(x, was)
	}
}

func (r *Ring) setPredecessor(x *record, seq int64, p chordevent.PeerRef) {
	if x.pred.set(seq, p) {
		r.repoint(x, predecessor)
	}
}

func (r *Ring) setSuccessors(x *record, seq int64, list []chordevent.PeerRef) {
	was := x.succ.val
	if x.succ.set(seq, list) && !samePeers(was, list) {
		r.relist(x)
	}
}

func (r *Ring) setOwnership(x *record, seq int64, o chordevent.Ownership) {
	was := x.owned.val
	if x.owned.set(seq, o) && was != o {
		r.reown(x)
	}
}

// samePeers reports whether two lists name the same lives. The event numbers in them are of no account here.
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

// rebirth begins a new life of a member: nothing that the old one said holds.
func (r *Ring) rebirth(x *record, inc int64) {
	was := circleOf(x)
	x.life = life{inc: inc}
	x.fingersOK = false
	r.recircle(x, was)
	r.repoint(x, predecessor)
	r.relist(x)
	r.reown(x)
}

// A circle is what a member says of the ring that it is in.
type circle struct{ bits, listLen, replicas int }

func circleOf(x *record) circle {
	s := &x.started.val
	return circle{s.Bits, s.ListLen, s.Replicas}
}

// recircle follows a change of what x says of the ring.
func (r *Ring) recircle(x *record, was circle) {
	switch now := circleOf(x); {
	case now == was:
	case r.vote(was, now):
		r.tree.all(r.judge)
	default:
		r.judge(x)
	}
}

// vote moves a member from one circle to another, takes for the ring's what most members say, and tells whether that has
// changed.
func (r *Ring) vote(from, to circle) (changed bool) {
	r.uncircle(from)
	if to != (circle{}) {
		r.circles[to]++
	}
	most, votes := circle{}, 0
	for c, n := range r.circles { // one entry, unless members are set up differently
		if n > votes || n == votes && less(most, c) {
			most, votes = c, n
		}
	}
	if most.bits != r.circle.bits && most.bits != 0 {
		r.setSpace(most.bits)
		r.tree.all(r.retail)
	}
	changed = most != r.circle
	r.circle = most
	r.unchecked = true
	return changed
}

// isRefused says that a member is of another ring than this one, by what it says of it. The ring's hosts refuse each call
// of such a member's, so it is none of theirs, whatever its ring's name.
func (r *Ring) isRefused(x *record) bool {
	c := circleOf(x)
	return c != (circle{}) && c != r.circle
}

// judge brings a member's being refused up to date. One that is, is neither shown nor counted among the ring's. Registers
// say who is, and no event is turned away for it, so the order of events does not matter, and whoever turns out to be in
// the majority is back at once.
func (r *Ring) judge(x *record) {
	refused := r.isRefused(x)
	if refused == x.refused {
		return
	}
	r.tallyBy(x, -1)
	x.refused = refused
	x.doubtful = x.isDoubtful(x.status, x.uncertain)
	r.tallyBy(x, +1)
	r.checkList(x)
	if counted := x.isMember(x.status); counted != x.counted {
		r.count(x, counted)
		r.reown(x)
	}
	r.turn(x)
	r.touch(x)
	r.regroup = true
	r.others.by(r.now) // whom it names may no longer be missing, or be again
}

func (r *Ring) uncircle(c circle) {
	if c == (circle{}) {
		return
	}
	if r.circles[c]--; r.circles[c] == 0 {
		delete(r.circles, c)
	}
}

func less(a, b circle) bool {
	if a.bits != b.bits {
		return a.bits < b.bits
	}
	if a.listLen != b.listLen {
		return a.listLen < b.listLen
	}
	return a.replicas < b.replicas
}

func (r *Ring) setSpace(bits int) {
	if space, err := chord.NewSpace(bits); err == nil {
		r.space = space
	}
}
