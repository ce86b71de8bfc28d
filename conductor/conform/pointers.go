package conform

import (
	"fmt"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"chordconductor/conductor/ring"
	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// settled is how long a ring's membership must have been unchanged before its fingers are checked: fingers are the last
// pointers to follow a change.
const settled = time.Minute

// pointerState is a summary of the views so far.
type pointerState struct {
	at        time.Time // of the last view
	ideal     time.Duration
	everIdeal bool          // and all members certain
	wasIdeal  bool          // in the last view
	members   []incarnation // that were active in the last view
	changed   time.Time
	unsteady  []period // times in which the ring was not ideal, or changed; ascending, at most maxPeriods
	lists     bool     // a successor list was seen
	bits      int
}

// A period is a time in which lookups may fail although no emitter is at fault.
type period struct{ from, until time.Time }

const (
	maxPeriods = 10_000          // further ones extend the last
	aftermath  = 5 * time.Second // time before and after a change that counts as part of it: a member fails before its peers detect it
)

// unrest notes that the ring was not steady since the last view.
func (p *pointerState) unrest(now time.Time) {
	n := len(p.unsteady)
	if n > 0 && (n == maxPeriods || !p.at.After(p.unsteady[n-1].until.Add(aftermath))) {
		p.unsteady[n-1].until = now
		return
	}
	p.unsteady = append(p.unsteady, period{p.at, now})
}

// steady reports whether the ring was ideal and its members were the same from shortly before one instant until shortly
// after the other.
func (p *pointerState) steady(from, until time.Time) bool {
	from, until = from.Add(-aftermath), until.Add(aftermath)
	at, _ := slices.BinarySearchFunc(p.unsteady, from, func(s period, t time.Time) int { return s.until.Compare(t) })
	return at == len(p.unsteady) || p.unsteady[at].from.After(until)
}

// watch updates the pointerState from a view.
func (c *Verifier) watch(v *ring.View) {
	p := &c.state
	ideal := v.Status == ring.Ideal && v.Certainty.All()
	if p.wasIdeal && ideal && v.Time.After(p.at) {
		p.ideal += v.Time.Sub(p.at)
	}
	p.everIdeal = p.everIdeal || ideal
	defer func() { p.at, p.wasIdeal, p.bits = v.Time, ideal, v.Bits }()
	same, n := true, 0
	for _, m := range v.Members {
		if m.Status == ring.Active {
			same = same && n < len(p.members) && p.members[n] == incarnation{m.ID, m.Incarnation}
			n++
		}
	}
	same = same && n == len(p.members)
	if !same || !ideal {
		p.unrest(v.Time)
	}
	if same {
		return
	}
	p.members, p.changed = p.members[:0], v.Time
	for _, m := range v.Members {
		if m.Status == ring.Active {
			p.members = append(p.members, incarnation{m.ID, m.Incarnation})
		}
	}
}

// owner returns the first active member at or after an identifier; ok is false if there is none.
func (p *pointerState) owner(of chord.ID) (m incarnation, ok bool) {
	if len(p.members) == 0 {
		return m, false
	}
	at, _ := slices.BinarySearchFunc(p.members, of, func(m incarnation, id chord.ID) int { return m.id.Compare(id) })
	return p.members[at%len(p.members)], true
}

// pointers checks the pointers of one event by itself.
func (c *Verifier) pointers(ev *chordevent.Event) {
	s := c.sheets[Pointers]
	switch body := ev.Body.(type) {
	case chordevent.SuccessorsChanged:
		s.see("changes of successor lists", 1)
		c.list(ev, body.Successors, 0)
	case chordevent.PredecessorChanged:
		s.see("changes of predecessors", 1)
		c.named(ev, chordevent.PredecessorIncarnationKey, body.Predecessor)
	case chordevent.FingersChanged:
		s.see("changes of fingers", 1)
		c.fingers(ev, body.Runs, 0)
	case chordevent.State:
		s.see("keyframes with their pointers", 1)
		c.list(ev, body.Successors, body.ListLen)
		c.named(ev, chordevent.PredecessorIncarnationKey, body.Predecessor)
		c.fingers(ev, body.Fingers, body.Bits)
	}
}

// list checks a successor list; most is r, or 0 if the event does not state it.
func (c *Verifier) list(ev *chordevent.Event, list []chordevent.PeerRef, most int) {
	s := c.sheets[Pointers]
	if most > 0 && len(list) > most {
		s.errs(exampleOf(ev), "%s: more entries than %s states", chordevent.SuccessorsIDsKey, chordevent.RingSuccessorsKey)
	}
	for _, p := range list {
		c.state.lists = c.state.lists || p.Real()
		c.named(ev, chordevent.SuccessorsIncarnationsKey, p)
	}
}

// named checks a reference to a peer: without an incarnation it refers to no member.
func (c *Verifier) named(ev *chordevent.Event, key attribute.Key, p chordevent.PeerRef) {
	if p.Real() && p.Incarnation == 0 {
		c.sheets[Pointers].errs(exampleOf(ev), "%s: 0 for a peer that has an address, so it refers to no incarnation", key)
	}
}

// fingers checks finger runs; bits is 0 if the event does not state them.
func (c *Verifier) fingers(ev *chordevent.Event, runs []chordevent.FingerRun, bits int) {
	s := c.sheets[Pointers]
	for _, run := range runs {
		c.named(ev, chordevent.FingersIncarnationsKey, run.Peer)
		if bits > 0 && run.Last >= bits {
			s.errs(exampleOf(ev), "%s: expected slots up to %s less 1", chordevent.FingersLastKey, chordevent.RingBitsKey)
		}
	}
}

// endPointers checks the pointers at the end, and whether they were ever right.
func (c *Verifier) endPointers(v *ring.View) {
	s, p := c.sheets[Pointers], &c.state
	if len(s.seen) == 0 {
		return
	}
	s.see("seconds in which all pointers were right and all members certain", int(p.ideal/time.Second))
	if !p.everIdeal {
		s.lacks(unideal(v, p), "an instant at which every successor list and predecessor is right and every member certain (status ideal, certainty all)")
	}
	for _, b := range v.Violations {
		if b.Healed.IsZero() {
			s.errs(b.Detail, "condition %s is violated at the end", b.Condition)
		}
	}
	c.endReferences(v)
	if !p.wasIdeal || v.Time.Sub(p.changed) < settled {
		return
	}
	space, err := chord.NewSpace(v.Bits)
	if err != nil {
		return
	}
	fingers := false
	for _, m := range v.Members {
		if m.Status == ring.Active && len(m.Fingers) > 0 {
			fingers = true
			c.endFingers(space, m)
		}
	}
	if !fingers {
		s.note("", "no fingers were received, so none are shown and none are checked")
	}
}

// endFingers checks a member's fingers in a ring that has been the same for long enough.
func (c *Verifier) endFingers(space chord.Space, m *ring.Member) {
	s := c.sheets[Pointers]
	next := 0
	for _, run := range append(slices.Clone(m.Fingers), chordevent.FingerRun{First: space.Bits(), Last: space.Bits() - 1}) {
		if run.First > next {
			s.errs(fmt.Sprintf("member %s: slot %d", space.Format(m.ID), next), "%s, %s: slots without a run, in a ring that has not changed for a minute", chordevent.FingersFirstKey, chordevent.FingersLastKey)
		}
		next = run.Last + 1
		for slot := run.First; slot <= run.Last && slot < space.Bits(); slot++ {
			start := space.FingerStart(m.ID, slot)
			want, _ := c.state.owner(start)
			if (want == incarnation{run.Peer.ID, run.Peer.Incarnation}) {
				continue
			}
			s.errs(fmt.Sprintf("member %s, slot %d, which begins at %s: expected %s, incarnation %d, got %s", space.Format(m.ID), slot, space.Format(start), space.Format(want.id), want.inc, peerText(space, run.Peer)),
				"%s: expected the first member from the slot's start on (identifier + 2^slot), in a ring that has not changed for a minute", chordevent.FingersIDsKey)
		}
	}
}

// endReferences reports the pointers to incarnations without events.
func (c *Verifier) endReferences(v *ring.View) {
	s := c.sheets[Pointers]
	space, err := chord.NewSpace(v.Bits)
	if err != nil {
		return
	}
	for _, m := range v.Members {
		if m.Status != ring.Active {
			continue
		}
		check := func(key attribute.Key, p chordevent.PeerRef) {
			to := c.latest[p.ID]
			switch {
			case !p.Real():
			case to == nil:
				s.errs(fmt.Sprintf("member %s names %s", space.Format(m.ID), space.Format(p.ID)), "%s: names a member without received events", key)
			case p.Incarnation > to.inc:
				s.errs(fmt.Sprintf("member %s names incarnation %d of %s, whose events have %d", space.Format(m.ID), p.Incarnation, space.Format(p.ID), to.inc),
					"%s: names an incarnation without received events", key)
			}
		}
		check(chordevent.PredecessorIDKey, m.Predecessor)
		for _, p := range m.Successors {
			check(chordevent.SuccessorsIDsKey, p)
		}
		for _, run := range m.Fingers {
			check(chordevent.FingersIDsKey, run.Peer)
		}
	}
}

// unideal returns why a view is not ideal.
func unideal(v *ring.View, p *pointerState) string {
	text := fmt.Sprintf("at the end: status %s, ring error %d, certainty %s", v.Status, v.Error, v.Certainty.State)
	space, err := chord.NewSpace(v.Bits)
	if err != nil {
		return text
	}
	for _, u := range v.Certainty.Members[:min(1, len(v.Certainty.Members))] {
		text += fmt.Sprintf("; member %s, incarnation %d, is uncertain: %s", space.Format(u.ID), u.Incarnation, u.Why)
	}
	for i, m := range p.members {
		x := v.Member(m.id)
		if x == nil || x.Error == 0 {
			continue
		}
		n := len(p.members)
		before, after := p.members[(i+n-1)%n], p.members[(i+1)%n]
		head := chordevent.PeerRef{}
		if len(x.Successors) > 0 {
			head = x.Successors[0]
		}
		return text + fmt.Sprintf("; member %s: predecessor %s, expected %s, incarnation %d; first successor %s, expected %s, incarnation %d",
			space.Format(m.id), peerText(space, x.Predecessor), space.Format(before.id), before.inc, peerText(space, head), space.Format(after.id), after.inc)
	}
	return text
}

func peerText(space chord.Space, p chordevent.PeerRef) string {
	if !p.Real() {
		return "none"
	}
	return fmt.Sprintf("%s, incarnation %d", space.Format(p.ID), p.Incarnation)
}
