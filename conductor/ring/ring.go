package ring

import (
	"time"

	"go.opentelemetry.io/otel/trace"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// Options are fixed for the life of a Ring. The zero value is usable.
type Options struct {
	// Name is the ring to follow (chord.ring.name). Empty: the first one received, or, while no member of that is known to
	// be on the ring, with its successor list, the first of which a keyframe of an active member arrives. Events of other
	// rings are refused.
	Name string
	// Base is the members' base stabilize interval. Conditions on the ring as a whole are violated when they have not
	// held for two of it. 0: 500 ms.
	Base time.Duration
	// Forget is how long members are remembered that have left, failed or fallen silent. 0: 5 minutes.
	Forget time.Duration
	// MaxMembers bounds memory. At the bound a new member displaces those that have been gone or silent longest; while
	// there are none, its events are refused. 0: 20,000.
	MaxMembers int
	// MaxBytes bounds memory in bytes: see memory.go for what gives way. 0: only MaxMembers does.
	MaxBytes int64
}

const (
	defaultBase       = 500 * time.Millisecond
	defaultForget     = 5 * time.Minute
	defaultMaxMembers = 20_000
	defaultPeriod     = 10 * time.Second // between a member's keyframes, until it says its own
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
	return o
}

// grace is how long a condition on the whole ring may not hold before that is a violation: a view that is no consistent
// cut shows breaches that never were.
func (o Options) grace() time.Duration { return 2 * o.Base }

// A Ring is the fold's state.
type Ring struct {
	opt  Options
	name string
	now  time.Time     // the latest instant it was told of
	seq  uint64        // changes so far
	by   trace.TraceID // the event being applied

	records map[chord.ID]*record // members (at most opt.MaxMembers) and strangers (see strangers.go)
	tree    tree                 // members
	heard   int                  // members
	bytes   int64                // what members take
	crowded uint64               // events refused for want of memory
	full    bool                 // nobody can be displaced, as of the last Advance

	members alarm // for what time does to members
	others  alarm // and to strangers, breaches and key moves

	strangers map[*record]struct{}
	reported  int // strangers that nobody names and somebody reported dead

	circles map[circle]votes // what members say of the ring
	circle  circle           // the one with the most
	space   chord.Space

	hosts  map[string]int // by address, of which members replicas can be asked for: see rehost
	needed int            // hosts that each key can be on

	sums      errorSums
	counted   int             // members of the ring
	shorts    int             // members whose keys are on too few hosts
	tally     [Silent + 1]int // members by status
	doubtful  int             // members that are
	faulty    int             // members that have faults
	reporting int             // members of which later incarnations are reported dead
	refused   int             // members that are, which tally leaves out
	missing   int64           // events
	lost      losses
	counts    Counts // Applied, Outdated and Refused

	breaches  map[breachKey]*breach
	healed    []Violation // newest last, at most maxHealed
	round     uint64      // of check
	unchecked bool        // something that check looks at has changed
	revised   bool        // check has found something new to say of a violation
	moves     moveTable
	stated    hosts // that have said they are there

	touched []chord.ID // by this Apply or Advance
	noted   bool       // by this Apply: see Change
	dirty   []*record  // their Member is out of date
	witness witnesses
	formed  formed

	idealSince time.Time // as of the last Advance; zero: it is not
	wasIdeal   bool      // it has been, for a grace

	spread    pointerSpread
	tolerated bool        // spread is of the ring as it is
	work      int         // steps of what judges the whole ring; tests bound it
	runs      []fingerRun // scratch
	live      []*record   // scratch: the counted, by identifier; see rankAll
	heads     []uint64    // scratch: the first bytes of their identifiers; see seek
	headAt    int         // scratch: where those begin
	skips     []int       // scratch
	unseen    unseenMembers
	neighbors []*record // scratch: see spreadOf
	on        []string  // the same
	view      *View     // the last one
	order     []*record // of view.Members
	regroup   bool      // members came or went since
	errors    bool      // some member of view has an error
}

// New returns a Ring that has heard nothing.
func New(opt Options) *Ring {
	r := &Ring{
		opt:       opt.withDefaults(),
		records:   make(map[chord.ID]*record),
		strangers: make(map[*record]struct{}),
		circles:   make(map[circle]votes),
		hosts:     make(map[string]int),
		lost:      losses{by: make(map[string]int64)},
		breaches:  make(map[breachKey]*breach),
		moves:     moveTable{by: make(map[string]*move)},
		stated:    hosts{by: make(map[string]*hostRecord)},
	}
	r.name = r.opt.Name
	r.setSpace(chord.MaxBits)
	return r
}

// Apply folds one event that arrived at the given instant. The event, and all it points to, must not be changed
// afterwards.
func (r *Ring) Apply(ev *chordevent.Event, arrived time.Time) Change {
	r.begin(arrived)
	r.by = ev.Trace
	r.choose(ev)
	if host, ok := ev.Body.(chordevent.HostState); ok && r.isOurs(ev.Ring) {
		switch news, accepted := r.applyHost(ev, host, arrived); {
		case news:
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
	news, death := false, false
	if ev.Node.Incarnation < x.inc {
		news = r.noteRival(x, ev.Node.Incarnation, ev.Node.Seq, arrived)
	}
	if ev.Node.Incarnation > x.inc {
		r.rebirth(x, ev.Node.Incarnation)
	}
	if ev.Node.Incarnation == x.inc {
		news = r.applyMember(x, ev, arrived)
	}
	r.weigh(x)
	// What these two say is not in keyframes: it counts even when it comes late.
	switch body := ev.Body.(type) {
	case chordevent.PeerFailed:
		told := false
		told, death = r.applyReport(ev, body.Peer, arrived)
		news = told || news
	case chordevent.KeysMoved:
		if r.moves.apply(ev, &body, arrived) {
			news = true
			r.others.by(arrived.Add(r.opt.Forget))
		}
	}
	if !news {
		r.counts.Outdated++
		return Change{Noted: r.noted}
	}
	if x.refused {
		r.counts.Refused++ // and known nevertheless: see judge
	} else {
		r.counts.Applied++
	}
	change := r.changed()
	change.Death = death
	return change
}

// Advance tells what time it is: members fall silent, conditions outlast their grace, those long gone are forgotten.
// Call it some ten times a second.
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

// Name is the ring that is followed (chord.ring.name); empty: no event has said one yet.
func (r *Ring) Name() string { return r.name }

// Len is the number of members known of, those gone and not yet forgotten included.
func (r *Ring) Len() int { return r.heard }

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

// choose follows another ring if no member of the one that is followed is known to be on the ring, and an event shows that one of the
// other is: one stray event of a ring that is not there must not keep the one that is from being seen.
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

// isOurs takes the first name heard for the ring's, unless Options named it.
func (r *Ring) isOurs(name string) bool {
	if r.name == "" {
		r.name = name
	}
	return name == r.name || name == ""
}

// touch notes that a member's own state changed.
func (r *Ring) touch(x *record) {
	if !x.heard {
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
