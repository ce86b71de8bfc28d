package member

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"chordconductor/internal/duration"
	"chordconductor/node/chord"
	"chordconductor/node/wire"
	"chordconductor/otel/chordevent"
)

// Mode is how lookups are routed: recursive or iterative.
type Mode string

const (
	// Recursive: each hop forwards the lookup, and the owner answers the initiator directly.
	Recursive Mode = chordevent.ModeRecursive
	// Iterative: the initiator queries one member after the other.
	Iterative Mode = chordevent.ModeIterative
)

// ParseMode parses a mode; "" means Recursive.
func ParseMode(text string) (Mode, error) {
	switch mode := Mode(text); mode {
	case "":
		return Recursive, nil
	case Recursive, Iterative:
		return mode, nil
	}
	return "", fmt.Errorf("lookup mode %.40q: must be %s or %s", text, Recursive, Iterative)
}

// Config configures a host and its members. All hosts of a ring must have the same Ring, Bits,
// Successors and Replicas. A zero value stands for the default named beside the field.
type Config struct {
	// Ring is the ring's name; members of differently named rings refuse each other. Default "chord".
	Ring string
	// HostID names the failure domain (chord.host.id). Default: the address.
	HostID string
	// Join lists addresses of hosts to join through, tried in random order, again and again. If it
	// is empty, the host's first member founds a ring.
	Join []string

	// Bits is m: identifiers are below 2^m. Default 160.
	Bits int
	// Successors is r, the length of successor lists. Default 8.
	Successors int
	// Replicas is R, the number of hosts that hold each key; it may exceed Successors. Default 3.
	Replicas int

	// Stabilize is the base interval of ring maintenance; after a change the interval is shorter
	// for a while. Default 500 ms.
	Stabilize time.Duration
	// CallLimit is how long a peer may take to answer before the call counts as unanswered. Default 500 ms.
	CallLimit time.Duration
	// CallTries is the number of unanswered tries of a maintenance call after which a peer counts
	// as dead. Default 2.
	CallTries int
	// Lookup is the default routing mode of lookups. Default Recursive.
	Lookup Mode
	// LookupLimit is how long a lookup may take, retries included. Default 10 s, at least 4 call limits.
	LookupLimit time.Duration
	// LeaveLimit is how long a graceful leave may take. Default 20 s.
	LeaveLimit time.Duration

	// Memory limits what the host's members store, in bytes (see kv.HostBudget). Default 0: no limit.
	Memory int64
	// Implausible receives the address of a peer that has sent an implausibly great epoch or version (see kv.Config),
	// and a sentence about that number. It must not block. If it is nil, such numbers are not
	// reported.
	Implausible func(address, text string)

	// Keyframe is the period of keyframes, which is jittered. Default 10 s.
	Keyframe time.Duration

	// Joined, if not nil, is called when a member has joined the ring, and JoinFailed after each
	// failed try to join. They must not block.
	Joined     func(self chord.Peer)
	JoinFailed func(self chord.Peer, try int, err error)
	// Ready, if not nil, is called with whether the host is ready, each time that this changes. A
	// host is ready while at least one of its members is active. This follows from the members'
	// state, so a host whose orphans have joined again is ready, too. Ready must not block.
	Ready func(ready bool)
	// Notice, if not nil, is called with one line for the host's operator about what no error
	// reports: a wrong clock, or a member whose identifier another one has. It must not block.
	Notice func(text string)
	// RingOnly makes members that store no keys: each owns the range between its predecessor and
	// itself.
	RingOnly bool
}

// maxHops bounds the hops of a lookup: with fresh fingers it takes some ten; without fingers it
// follows successor lists.
const maxHops = 512

// Bounds of a configuration: what the tests cover. The random settings of node/simtest are drawn
// from exactly this range (simtest.TestSettingsAreWhatIsAccepted), so every setting that a host
// accepts may be drawn.
const (
	MaxVirtualNodes = 64 // members of one host
	MaxSuccessors   = 32 // r
	MaxReplicas     = 16 // R
)

const (
	minCallLimit, maxCallLimit = 10 * time.Millisecond, time.Minute
	minStabilize, maxStabilize = time.Millisecond, time.Hour
)

// Capacity returns how many members one host may have on a circle of 2^bits points: at most
// MaxVirtualNodes, and at most a quarter of the points, so that most identifiers that a joiner
// tries are free.
func Capacity(bits int) int {
	if bits >= 8 {
		return MaxVirtualNodes
	}
	return max(1<<max(bits, 0)/4, 1)
}

// Validate returns an error with everything that is wrong with a configuration for a host at the
// given address that is to have the given number of members. Flags, commands, scenarios and tests
// all use it: a host works with every configuration that it accepts.
func (c Config) Validate(address string, members int) error {
	c, err := c.validated(address)
	return errors.Join(err, c.validMembers(members))
}

// validMembers returns an error if a host may not have that many members.
func (c Config) validMembers(members int) error {
	capacity := Capacity(c.Bits)
	switch {
	case members >= 1 && members <= capacity:
		return nil
	case members > capacity && capacity < MaxVirtualNodes:
		return fmt.Errorf("virtual nodes %d: a host of a ring of %d bits carries at most %d, a quarter of its %d identifiers", members, c.Bits, capacity, 1<<max(c.Bits, 0))
	}
	return fmt.Errorf("virtual nodes %d: must be from 1 to %d", members, MaxVirtualNodes)
}

// validated returns the configuration with defaults filled in, and an error with everything that is
// wrong.
func (c Config) validated(address string) (Config, error) {
	setDefault(&c.Ring, "chord")
	setDefault(&c.HostID, address)
	setDefault(&c.Bits, chord.MaxBits)
	setDefault(&c.Successors, 8)
	setDefault(&c.Replicas, 3)
	setDefault(&c.Stabilize, 500*time.Millisecond)
	setDefault(&c.CallLimit, 500*time.Millisecond)
	setDefault(&c.CallTries, 2)
	setDefault(&c.Lookup, Recursive)
	setDefault(&c.LookupLimit, max(10*time.Second, 4*c.CallLimit))
	setDefault(&c.LeaveLimit, 20*time.Second)
	setDefault(&c.Keyframe, 10*time.Second)

	var wrong []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			wrong = append(wrong, fmt.Errorf(format, args...))
		}
	}
	check(address != "" && len(address) <= wire.MaxText, "address %.40q: must have 1 to %d bytes", address, wire.MaxText)
	check(len(c.Ring) <= wire.MaxText, "ring name: must have at most %d bytes", wire.MaxText)
	check(len(c.HostID) <= wire.MaxText, "host ID: must have at most %d bytes", wire.MaxText)
	check(strings.ToValidUTF8(c.Ring+c.HostID+address, "") == c.Ring+c.HostID+address, "ring name, host ID and address must be UTF-8")
	check(c.Bits >= chord.MinBits && c.Bits <= chord.MaxBits, "bits %d: must be from %d to %d", c.Bits, chord.MinBits, chord.MaxBits)
	check(c.Successors >= 1 && c.Successors <= MaxSuccessors, "successors %d: must be from 1 to %d", c.Successors, MaxSuccessors)
	check(c.Replicas >= 1 && c.Replicas <= MaxReplicas, "replicas %d: must be from 1 to %d", c.Replicas, MaxReplicas)
	check(c.Successors != 1 || c.Replicas <= 1, "replicas %d with successors 1: a list of one entry does not survive the crash that replicas are for; successors must be at least 2", c.Replicas)
	check(c.Stabilize >= minStabilize && c.Stabilize <= maxStabilize, "stabilize %s: must be from %s to %s", duration.Text(c.Stabilize), duration.Text(minStabilize), duration.Text(maxStabilize))
	check(c.CallLimit >= minCallLimit && c.CallLimit <= maxCallLimit, "call limit %s: must be from %s to %s", duration.Text(c.CallLimit), duration.Text(minCallLimit), duration.Text(maxCallLimit))
	check(c.CallTries > 0 && c.LookupLimit > 0 && c.LeaveLimit > 0, "time limits and tries must be positive")
	check(c.Memory >= 0, "memory limit %d: must not be negative", c.Memory)
	check(c.Keyframe >= time.Second, "keyframe period %s: must be at least 1s", duration.Text(c.Keyframe))
	if _, err := ParseMode(string(c.Lookup)); err != nil {
		wrong = append(wrong, err)
	}
	return c, errors.Join(wrong...)
}

func setDefault[T comparable](value *T, byDefault T) {
	var zero T
	if *value == zero {
		*value = byDefault
	}
}
