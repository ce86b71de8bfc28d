package ring

import (
	"time"

	"go.opentelemetry.io/otel/trace"

	"chordconductor/internal/assertion"
	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// Options do not change during the use of a Ring. The zero value is usable.
type Options struct {
	// Name is the ring to follow (chord.ring.name). If it is empty, the Ring follows the first ring received; but while
	// no member of that ring is known to be on the ring with its successor list, the first ring from which a keyframe
	// of an active member arrives replaces it. Events of other rings are refused.
	Name string
	// Base is the members' base stabilize interval. A condition on the ring as a whole is violated when it has not held
	// for two of these intervals. 0: 500 ms.
	Base time.Duration
	// Forget is how long members that have left, failed or become silent are kept. 0: 5 minutes.
	Forget time.Duration
	// MaxMembers bounds the number of members. At the bound a new member replaces those that have been gone or silent
	// longest; while there are none, its events are refused. 0: 20,000.
	MaxMembers int
	// MaxBytes bounds memory in bytes; memory.go describes what is refused at the bound. 0: only MaxMembers limits
	// memory.
	MaxBytes int64
	// Assertions counts invariants of the fold that do not hold. nil: the Ring makes its own.
	Assertions *assertion.Counts
}

const (
	defaultBase       = 500 * time.Millisecond
	defaultForget     = 5 * time.Minute
	defaultMaxMembers = 20_000
	defaultPeriod     = 10 * time.Second // time between a member's keyframes, until the member reports its own period
)

func (o Options) withDefaults() Options {
	if o.Base <= 0 {
		o.Base = defaultBase
	}
	if o.Forget <= 0 {
		o.Forget = defaultForget
	}
	if o.MaxMembers <= 0 {
		o.MaxMembers = defaultMaxMembers
	}
	if o.Assertions == nil {
		o.Assertions = &assertion.Counts{}
	}
	return o
}

// grace returns how long a condition on the whole ring may not hold before that is a violation: the events in a view
// are of different instants, so a view can show breaches that never existed.
func (o Options) grace() time.Duration { return 2 * o.Base }

// A Ring is the state of the fold.
type Ring struct {
	opt  Options
	name string
	now  time.Time     // the latest instant given
	seq  uint64        // changes so far
	by   trace.TraceID // the event being applied

	records   map[chord.ID]*record // members (at most opt.MaxMembers) and identifiers only referenced (see referenced.go)
	tree      tree                 // members
	seenCount int                  // members
	bytes     int64                // of memory, of members
	crowded   uint64               // events refused for lack of memory
	full      bool                 // no member can be displaced, as of the last Advance

	members alarm // the next change of members by time alone
	others  alarm // and of referenced identifiers, breaches and key moves

	referencedOnly map[*record]struct{}
	reported       int // referenced identifiers that no member names and a peer has reported dead

	votes      map[parameters]votes // by the ring parameters that members report
	parameters parameters           // those with the most votes
	space      chord.Space

	hosts  map[string]int // by address: the number of members because of which a host counts for replicas; see updateHosting
	needed int            // hosts that each key can be on

	sums      errorSums
	counted   int             // members of the ring
	shorts    int             // members whose keys are on too few hosts
	tally     [Silent + 1]int // members by status
	doubtful  int             // members that are
	faulty    int             // members that have faults
	reporting int             // members with reports of deaths of their later incarnations
	refused   int             // members that are; tally leaves them out
	missing   int64           // events
	lost      losses
	counts    Counts // Applied, Outdated and Refused

	breaches  map[breachKey]*breach
	healed    []Violation // newest last, at most maxHealed
	round     uint64      // of check
	unchecked bool        // something that check checks has changed
	revised   bool        // check has found something new about a violation
	moves     moveTable
	stated    hosts // that have reported their state

	touched []chord.ID // by this Apply or Advance
	noted   bool       // by this Apply: see Change
	dirty   []*record  // their Member is outdated
	witness witnesses
	formed  formed

	idealSince time.Time // since when the ring has been ideal, as of the last Advance; zero: it is not ideal
	wasIdeal   bool      // the ring has been ideal for a grace

	pointerTolerances pointerTolerance
	tolerated         bool        // pointerTolerances are of the present ring
	work              int         // steps of the checks of the whole ring; tests bound it
	runs              []fingerRun // scratch
	live              []*record   // scratch: the counted, by identifier; see rankAll
	heads             []uint64    // scratch: the first bytes of their identifiers; see seek
	headAt            int         // scratch: where those begin
	skips             []int       // scratch
	unseen            unseenMembers
	neighbors         []*record // scratch: see toleranceOf
	on                []string  // scratch: see toleranceOf
	view              *View     // the last view made
	order             []*record // of view.Members
	regroup           bool      // members came or went since
	errors            bool      // some member of view has an error
}

// New returns a Ring without any events.
func New(opt Options) *Ring {
	r := &Ring{
		opt:            opt.withDefaults(),
		records:        make(map[chord.ID]*record),
		referencedOnly: make(map[*record]struct{}),
		votes:          make(map[parameters]votes),
		hosts:          make(map[string]int),
		lost:           losses{by: make(map[string]int64)},
		breaches:       make(map[breachKey]*breach),
		moves:          moveTable{by: make(map[string]*move)},
		stated:         hosts{by: make(map[string]*hostRecord)},
	}
	r.name = r.opt.Name
	r.setSpace(chord.MaxBits)
	return r
}

// Apply applies one event that arrived at the given instant. The event, and everything that it points to, must not be
// changed afterwards.
func (r *Ring) Apply(ev *chordevent.Event, arrived time.Time) Change {
	r.begin(arrived)
	r.by = ev.Trace
	r.choose(ev)
	if host, ok := ev.Body.(chordevent.HostState); ok && r.isOurs(ev.Ring) {
		switch isNew, accepted := r.applyHost(ev, host, arrived); {
		case isNew:
			r.counts.Applied++
			return r.changed()
		case accepted:
			r.counts.Outdated++
		default:
			r.counts.Refused++
		}
		return Change{}
	}
	if ev.Node.Seq < 1 || !r.isOurs(ev.Ring) {
		r.counts.Refused++
		return Change{}
	}
	if !r.roomFor(ev) {
		r.counts.Refused++
		return Change{}
	}
	x := r.enroll(ev.Node.ID, ev.Node.Incarnation)
	if x == nil {
		r.counts.Refused++
		return Change{}
	}
	isNew, death := false, false
	if ev.Node.Incarnation < x.inc {
		isNew = r.noteRival(x, ev.Node.Incarnation, ev.Node.Seq, arrived)
	}
	if ev.Node.Incarnation > x.inc {
		r.newIncarnation(x, ev.Node.Incarnation)
	}
	if ev.Node.Incarnation == x.inc {
		isNew = r.applyMember(x, ev, arrived)
	}
	r.weigh(x)
	// Keyframes do not contain these two kinds of facts, so they are applied even when they arrive late.
	switch body := ev.Body.(type) {
	case chordevent.PeerFailed:
		reported := false
		reported, death = r.applyReport(ev, body.Peer, arrived)
		isNew = reported || isNew
	case chordevent.KeysMoved:
		if r.moves.apply(ev, &body, arrived) {
			isNew = true
			r.others.by(arrived.Add(r.opt.Forget))
		}
	}
	if !isNew {
		r.counts.Outdated++
		return Change{Noted: r.noted}
	}
	if x.refused {
		r.counts.Refused++ // and applied nevertheless: see updateRefused
	} else {
		r.counts.Applied++
	}
	change := r.changed()
	change.Death = death
	return change
}

// Advance sets the time: members become silent, breaches become violations after their grace, and members long gone are
// forgotten. It should be called some ten times a second.
func (r *Ring) Advance(now time.Time) Change {
	r.begin(now)
	r.by = trace.TraceID{}
	r.full = false
	changed := r.sweep()
	if r.unchecked {
		changed = r.check() || changed
	}
	r.form()
	if !changed {
		return Change{}
	}
	return r.changed()
}

// Name returns the name of the ring that is followed (chord.ring.name); empty: no event has named a ring yet.
func (r *Ring) Name() string { return r.name }

// Len returns the number of members known, including those that are gone and not forgotten yet.
func (r *Ring) Len() int { return r.seenCount }

func (r *Ring) begin(now time.Time) {
	if now.After(r.now) {
		r.now = now
	}
	r.touched, r.noted = r.touched[:0], false
}

func (r *Ring) changed() Change {
	r.seq++
	return Change{Applied: true, Seq: r.seq, Members: r.touched}
}

// choose follows another ring if no member of the followed ring is known to be on it, and the event shows that a member
// of the other ring is on that one: a single stray event of a ring that does not run must not hide the one that does.
func (r *Ring) choose(ev *chordevent.Event) {
	if r.opt.Name != "" || ev.Ring == "" || ev.Ring == r.name || r.name == "" || r.tree.total().live > 0 {
		return
	}
	if state, ok := ev.Body.(chordevent.State); !ok || state.Status != chordevent.StatusActive {
		return
	}
	var all []*record
	there := false // with a successor list: a single event makes no ring
	r.tree.all(func(x *record) {
		all = append(all, x)
		there = there || x.counted && x.succ.seq != 0
	})
	if there {
		return
	}
	for _, x := range all {
		r.forget(x)
	}
	clear(r.stated.by)
	r.stated = hosts{by: r.stated.by, stale: true}
	r.name, r.wasIdeal, r.idealSince = ev.Ring, false, time.Time{}
}

// isOurs reports whether name is the ring's name: that of Options, or else the first name received.
func (r *Ring) isOurs(name string) bool {
	if r.name == "" {
		r.name = name
	}
	return name == r.name || name == ""
}

// touch records that a member's own state changed.
func (r *Ring) touch(x *record) {
	if !x.seen {
		return
	}
	if n := len(r.touched); n == 0 || r.touched[n-1] != x.id {
		r.touched = append(r.touched, x.id)
	}
	if !x.dirty {
		x.dirty = true
		r.dirty = append(r.dirty, x)
	}
}
