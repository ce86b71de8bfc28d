package conform

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"chordconductor/conductor/ring"
	"chordconductor/internal/duration"
	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

const (
	maxIncarnations = 50_000  // incarnations that are followed, some 10 MB; of further ones only the fold's result is checked
	maxNumbers      = 1 << 20 // event numbers that are remembered, some 60 MB; later ones are not checked for gaps and repeats
)

// An incarnation identifies one incarnation of a member.
type incarnation struct {
	id  chord.ID
	inc int64
}

func compareIncarnations(a, b incarnation) int {
	return cmp.Or(a.id.Compare(b.id), cmp.Compare(a.inc, b.inc))
}

// A number identifies one event of an incarnation.
type number struct {
	incarnation
	seq int64
}

// A stamp distinguishes two events with the same number.
type stamp struct {
	at   int64
	kind chordevent.Kind
}

// An incarnationRecord holds what is known of one incarnation.
type incarnationRecord struct {
	incarnation
	digits      int
	instance    string
	first, last int64 // event numbers
	events      int64 // distinct numbers
	begun       time.Time
	keyframes   int
	keyframe    time.Time     // timestamp of the newest
	period      time.Duration // stated by the newest keyframe
	gone        bool          // the member has left, or is leaving
	full        bool          // some of the event numbers were not remembered
}

// member checks the emitter of one event.
func (c *Verifier) member(ev *chordevent.Event) {
	s := c.sheets[Membership]
	if ev.Host.ID == "" {
		s.errs(exampleOf(ev), "%s: empty", chordevent.HostIDKey)
	}
	if ev.Host.Address == "" {
		s.errs(exampleOf(ev), "%s: empty", chordevent.HostAddressKey)
	}
	if ev.Node.Seq == 0 { // of a host
		s.see("events of hosts", 1)
		return
	}
	x := c.incarnations[incarnation{ev.Node.ID, ev.Node.Incarnation}]
	if x == nil {
		if x = c.newIncarnation(ev); x == nil {
			return
		}
	}
	if x.instance != ev.Instance && ev.Instance != "" && x.instance != "" {
		s.errs(exampleOf(ev), "%s: two processes send events of one incarnation of a member", chordevent.ServiceInstanceIDKey)
	}
	c.number(x, ev)
	switch body := ev.Body.(type) {
	case chordevent.Started:
		s.see("starts", 1)
		c.address(ev, body.Address)
	case chordevent.Joined:
		s.see("joins", 1)
	case chordevent.Leaving:
		x.gone = true
	case chordevent.Left:
		s.see("leaves", 1)
		x.gone = true
	case chordevent.PeerFailed:
		s.see("reports of failed peers", 1)
		if !body.Peer.Real() {
			s.errs(exampleOf(ev), "%s: a report of a failed peer without its address", chordevent.PeerAddressKey)
		}
	case chordevent.State:
		s.see("keyframes", 1)
		c.address(ev, body.Address)
		c.keyframe(x, ev, &body)
	}
}

func (c *Verifier) address(ev *chordevent.Event, address string) {
	if address == "" {
		c.sheets[Membership].errs(exampleOf(ev), "%s: empty", chordevent.NodeAddressKey)
	}
}

// newIncarnation begins to follow an incarnation. It returns nil if there are too many.
func (c *Verifier) newIncarnation(ev *chordevent.Event) *incarnationRecord {
	s := c.sheets[Membership]
	if len(c.incarnations) >= maxIncarnations {
		s.note(exampleOf(ev), "more than %d incarnations: further ones are not checked one by one", maxIncarnations)
		return nil
	}
	x := &incarnationRecord{incarnation: incarnation{ev.Node.ID, ev.Node.Incarnation}, digits: ev.Node.Digits, instance: ev.Instance, first: ev.Node.Seq, begun: ev.Time}
	c.incarnations[x.incarnation] = x
	s.see("incarnations of members", 1)
	switch newest := c.latest[x.id]; {
	case newest == nil:
		s.see("members", 1)
		c.latest[x.id] = x
	case x.inc > newest.inc:
		c.latest[x.id] = x
	case x.begun.After(newest.begun):
		s.errs(exampleOf(ev), "%s: expected a greater value at each start of a member, got a lesser one than before", chordevent.NodeIncarnationKey)
	}
	return x
}

// number searches for event numbers that are used twice. A batch that is sent again is not counted as a repeat.
func (c *Verifier) number(x *incarnationRecord, ev *chordevent.Event) {
	key := number{x.incarnation, ev.Node.Seq}
	is := stamp{ev.Time.UnixNano(), ev.Body.Kind()}
	if was, seen := c.numbers[key]; seen {
		if was != is {
			c.sheets[Membership].errs(exampleOf(ev), "%s: two events of an incarnation have the same number", chordevent.EventSeqKey)
		}
		return
	}
	if len(c.numbers) >= maxNumbers {
		x.full = true
		return
	}
	c.numbers[key] = is
	x.events++
	x.first, x.last = min(x.first, ev.Node.Seq), max(x.last, ev.Node.Seq)
}

// keyframe compares the time since the previous keyframe with the period that the previous keyframe announced.
func (c *Verifier) keyframe(x *incarnationRecord, ev *chordevent.Event, body *chordevent.State) {
	s := c.sheets[Membership]
	leaves := body.Status == chordevent.StatusLeaving || body.Status == chordevent.StatusLeft
	if body.Period <= 0 && !leaves {
		s.errs(exampleOf(ev), "%s: expected more than 0 for a member that is not leaving, got 0", chordevent.KeyframePeriodKey)
	}
	if gap := ev.Time.Sub(x.keyframe); x.keyframes > 0 && x.period > 0 && gap > x.period+x.period/2 {
		s.errs(fmt.Sprintf("%s, %s after the previous one, which announced %s", exampleOf(ev), duration.Text(gap.Round(time.Millisecond)), duration.Text(x.period)),
			"%s: a keyframe came more than half a period late", chordevent.KeyframePeriodKey)
	}
	x.keyframes++
	x.gone = x.gone || leaves
	if ev.Time.After(x.keyframe) {
		x.keyframe, x.period = ev.Time, body.Period
	}
	if body.Lost > 0 {
		s.note(exampleOf(ev), "%s: the process reports that it lost event records", chordevent.TelemetryLostKey)
	}
}

// endMembers reports what of the members has not arrived by the end.
func (c *Verifier) endMembers(view *ring.View) {
	s := c.sheets[Membership]
	for _, key := range slices.SortedFunc(maps.Keys(c.incarnations), compareIncarnations) {
		x := c.incarnations[key]
		member := fmt.Sprintf("member %s, incarnation %d", hex(x.id, x.digits), x.inc)
		if x.keyframes == 0 {
			s.lacks(member, "keyframe, %s: without one the state of a member is incomplete", chordevent.KindState)
		}
		if missing := x.last - x.first + 1 - x.events; missing > 0 && !x.full {
			s.errs(fmt.Sprintf("%s: %d of the numbers %d to %d", member, missing, x.first, x.last), "%s: numbers are missing", chordevent.EventSeqKey)
		}
	}
	for i := range view.Faults {
		f := &view.Faults[i]
		s.errs(fmt.Sprintf("member %s: %s", hex(f.ID, c.digits(f.ID)), f), "a fault of the emitter: %s", f.Kind)
	}
	for _, m := range view.Members {
		if x := c.latest[m.ID]; m.Status == ring.Silent && x != nil && !x.gone {
			s.errs(fmt.Sprintf("member %s: last event at %s", hex(m.ID, x.digits), m.LastEvent.UTC().Format(time.RFC3339)),
				"%s: no keyframe for three periods, no leave, and no peer's report", chordevent.KeyframePeriodKey)
		}
	}
}

// digits returns the number of hex digits with which identifiers of the ring are written.
func (c *Verifier) digits(id chord.ID) int {
	if x := c.latest[id]; x != nil {
		return x.digits
	}
	return 0
}
