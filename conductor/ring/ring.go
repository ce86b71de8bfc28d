package ring

import (
	"time"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// Options are fixed for the life of a Ring. The zero value is usable.
type Options struct {
	// Name is the ring to follow (chord.ring.name). Empty: the first one heard. Events of other rings are refused.
	Name string
	// Base is the members' base stabilize interval. Conditions on the ring as a whole are violated when they have not
	// held for two of it. 0: 500 ms.
	Base time.Duration
	// Forget is how long members are remembered that have left, failed or fallen silent. 0: 5 minutes.
	Forget time.Duration
	// MaxMembers bounds memory. At the bound a new member displaces the one that has been gone longest, or silent
	// longest; while there is none, its events are refused. 0: 20,000.
	MaxMembers int
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

// A Ring is the fold's state.
type Ring struct {
	opt Options
	now time.Time // the latest instant it was told of
}

// New returns a Ring that has heard nothing.
func New(opt Options) *Ring { return &Ring{opt: opt.withDefaults()} }

// Apply folds one event that arrived at the given instant. The event, and all it points to, must not be changed
// afterwards.
func (r *Ring) Apply(ev *chordevent.Event, arrived time.Time) Change { return Change{} }

// Advance tells what time it is: members fall silent, conditions outlast their grace, those long gone are forgotten.
// Call it some ten times a second.
func (r *Ring) Advance(now time.Time) Change { return Change{} }

// View is the ring as it stands. What has not changed since the last View is shared with it.
func (r *Ring) View() *View { return &View{Time: r.now} }

// Member is one member as it stands, or nil.
func (r *Ring) Member(id chord.ID) *Member { return nil }

// Checkpoint is the whole state in a compact form that Restore reads.
func (r *Ring) Checkpoint() []byte { return nil }

// Restore makes the Ring that a checkpoint was taken of. Applying the same to both gives the same views.
func Restore(opt Options, checkpoint []byte) (*Ring, error) { return New(opt), nil }
