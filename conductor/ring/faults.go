package ring

import (
	"cmp"
	"slices"
	"time"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// A FaultKind is a kind of fault in what emits a member's telemetry. The events of a faulty emitter may be wrong
// although none is missing.
type FaultKind uint8

const (
	TwoIncarnations FaultKind = iota + 1 // a lower incarnation still emits new events
	TwoProcesses                         // events of one incarnation come from two processes
	ClockAhead                           // timestamps lie after their arrival
	ClockBehind                          // timestamps lie before anything that the order of arrival allows
)

// maxFaults bounds the faults that a view lists; its counts include all.
const maxFaults = 100

// FaultCounts has the number of faults of each kind.
type FaultCounts [ClockBehind + 1]int

// Total returns the number of faults of all kinds.
func (c FaultCounts) Total() (n int) {
	for _, k := range c {
		n += k
	}
	return n
}

// A Fault is a fault of one member's emitter, or of the clock of one host. It is immutable.
type Fault struct {
	Kind        FaultKind
	ID          chord.ID
	Incarnation int64
	Host        chordevent.Host
	Since       time.Time
	Other       int64         // for TwoIncarnations: the lower incarnation
	Instances   [2]string     // TwoProcesses: service.instance.id of both
	Bound       time.Duration // ClockAhead: at least; ClockBehind: at most, unless telemetry is delayed
}

// A faultSet has a bit for each kind.
type faultSet uint8

func (s faultSet) has(k FaultKind) bool { return s&(1<<k) != 0 }

// inIdentity reports whether events of several emitters carry the identity of one member, so that none of its fields is
// certain.
func (s faultSet) inIdentity() bool { return s.has(TwoIncarnations) || s.has(TwoProcesses) }

// A rival is the greatest incarnation below a member's own that has emitted new events since.
type rival struct {
	inc         int64
	newest      int64     // event number
	first, last time.Time // arrival of the first and the last event number that was new
}

// A source is a process (service.instance.id) that events of an incarnation come from.
type source struct {
	instance string
	arrived  time.Time // arrival of the last event from that process
}

// rivalPeriods is for how many keyframe periods new events of a lower incarnation must arrive before that counts as a
// fault: the last events of an ended incarnation may still be on their way when the next one begins.
const rivalPeriods = 2

// noteRival records an event of a lower incarnation than the member's own.
func (r *Ring) noteRival(x *record, inc, seq int64, arrived time.Time) (changed bool) {
	v := &x.rival
	switch {
	case inc < v.inc || inc == v.inc && seq <= v.newest:
		return false
	case inc > v.inc:
		*v = rival{inc, seq, arrived, arrived}
	case arrived.Sub(v.last) >= periods(x, silentPeriods): // the earlier run of the lower incarnation's events had ended
		v.newest, v.first, v.last = seq, arrived, arrived
	default:
		v.newest = seq
		if arrived.After(v.last) {
			v.last = arrived
		}
	}
	r.noted = true
	before := x.faults
	r.updateStatus(x)
	r.members.by(r.due(x))
	return x.faults != before
}

// noteSource records the process that an event comes from. If there are several, it keeps the first and the last by
// name, whatever the order of arrival.
func (x *record) noteSource(instance string, arrived time.Time) {
	if instance == "" {
		return
	}
	a, b := &x.sources[0], &x.sources[1]
	switch {
	case a.instance == "" || instance < a.instance && b.instance != "":
		*a = source{instance, arrived}
	case instance == a.instance:
		a.arrived = latest(a.arrived, arrived)
	case instance < a.instance:
		*b, *a = *a, source{instance, arrived}
	case instance > b.instance:
		*b = source{instance, arrived}
	case instance == b.instance:
		b.arrived = latest(b.arrived, arrived)
	}
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// updateFaults updates the faults of a member's emitter.
func (r *Ring) updateFaults(x *record, s MemberStatus) {
	var now faultSet
	if x.hasRival(r.now) {
		now |= 1 << TwoIncarnations
	}
	if !s.gone() {
		if end, shared := x.sharedUntil(); shared && r.now.Before(end) {
			now |= 1 << TwoProcesses
		}
		if s != Silent {
			now |= x.clock.faults()
		}
	}
	r.setFaults(x, now)
}

func (r *Ring) setFaults(x *record, now faultSet) {
	if now == x.faults {
		return
	}
	switch {
	case x.faults == 0:
		x.faulty = r.now
		r.faulty++
	case now == 0:
		r.faulty--
	}
	x.faults = now
	r.touch(x)
}

func (x *record) hasRival(now time.Time) bool {
	v := &x.rival
	return v.inc != 0 && v.last.Sub(v.first) >= periods(x, rivalPeriods) && now.Before(v.last.Add(periods(x, silentPeriods)))
}

// sharedUntil returns the instant until which x counts as an identity shared by two processes; shared is false if there
// is only one process.
func (x *record) sharedUntil() (end time.Time, shared bool) {
	a, b := x.sources[0].arrived, x.sources[1].arrived
	if b.IsZero() {
		return end, false
	}
	if b.Before(a) {
		a = b
	}
	return a.Add(periods(x, silentPeriods)), true
}

// faultsEnd returns the next instant, at most end, at which a fault of x ends or a report is dropped without a further
// event.
func (r *Ring) faultsEnd(x *record, end time.Time) time.Time {
	earlier := func(at time.Time) {
		if at.After(r.now) && at.Before(end) {
			end = at
		}
	}
	if x.faults.has(TwoIncarnations) {
		earlier(x.rival.last.Add(periods(x, silentPeriods)))
	}
	if x.faults.has(TwoProcesses) {
		at, _ := x.sharedUntil()
		earlier(at)
	}
	for i := range x.reports {
		if d := &x.reports[i]; d.inc > x.inc {
			earlier(d.arrived.Add(r.opt.Forget))
		}
	}
	return end
}

// listFaults returns the faults, one for each host's clock. It costs nothing while there are none.
func (r *Ring) listFaults() (list []Fault, counts FaultCounts) {
	if r.faulty == 0 {
		return nil, counts
	}
	clocks := make(map[string]int) // by host: the index of its fault in list
	r.tree.all(func(x *record) {
		if x.faults == 0 || x.refused {
			return
		}
		f := Fault{ID: x.id, Incarnation: x.inc, Host: x.host, Since: x.faulty}
		if x.faults.has(TwoIncarnations) {
			f := f
			f.Kind, f.Other = TwoIncarnations, x.rival.inc
			list = append(list, f)
		}
		if x.faults.has(TwoProcesses) {
			f := f
			f.Kind, f.Instances = TwoProcesses, [2]string{x.sources[0].instance, x.sources[1].instance}
			list = append(list, f)
		}
		switch {
		case x.faults.has(ClockAhead):
			f.Kind, f.Bound = ClockAhead, x.clock.lead
		case x.faults.has(ClockBehind):
			f.Kind, f.Bound = ClockBehind, -x.clock.lead
		default:
			return
		}
		if i, known := clocks[x.host.Address]; !known {
			clocks[x.host.Address] = len(list)
			list = append(list, f)
		} else if list[i].Kind == f.Kind && list[i].tighter(f) {
			list[i].Bound = f.Bound
		}
	})
	slices.SortStableFunc(list, func(a, b Fault) int { return cmp.Compare(a.Kind, b.Kind) })
	for i := range list {
		counts[list[i].Kind]++
	}
	return list[:min(len(list), maxFaults)], counts
}

// tighter reports whether other, a fault of another member of the same host, gives a closer bound of the clock's offset
// than f.
func (f *Fault) tighter(other Fault) bool {
	if f.Kind == ClockAhead {
		return other.Bound > f.Bound
	}
	return other.Bound < f.Bound
}
