package memory

import (
	"fmt"
	"math"
	"os"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

const (
	// Least is the smallest budget: with less, no memory would be left to receive with.
	Least = 128 << 20
	// program is the memory of the process that the Go runtime does not count, such as the program's code.
	program = 48 << 20

	// By default the conductor takes nearly the whole limit of a control group, since only the conductor uses it, and a
	// quarter of a machine's memory, since other programs use it too.
	groupShare   = 0.9
	machineShare = 0.25
)

// A Budget is the memory of the process, divided into shares. The comment on each share names what is refused or
// dropped when the share is used up.
type Budget struct {
	Limit  int64
	Source string // where the limit comes from, for people

	Receive   *Share // bodies of requests being received: further ones are refused, to be sent again
	Decode    *Share // requests being decoded: further ones are refused, to be sent again
	Events    *Share // events that wait for the fold: further ones are refused, to be sent again
	Fold      *Share // members: events that would make long lists longer are refused, then all that need more
	Feed      *Share // recent events: the oldest are dropped
	Lookups   *Share // lookups being assembled, and recent ones: the oldest are dropped
	Recording *Share // what is being recorded, with a fold of its own: new entries and requests are not recorded
	History   *Share // recorded history kept in memory: the oldest is dropped
	Past      *Share // a view of the past: the request for it is refused
	Forward   *Share // forwarding queues: new requests are dropped
	Clients   *Share // WebSocket clients: the slowest are disconnected
	Watch     *Share // the verifier of a simulation's lookups: ended members are removed
	Answers   *Share // answers of the API: the slowest readers are disconnected
}

// shares returns the division, in thousandths of the limit. The rest is for garbage, stacks, buffers of connections and
// what estimates miss. Not all shares are used up at the same time: a view of the past has parts in common with the
// present view.
func (b *Budget) shares() []struct {
	share **Share
	name  string
	part  int64
} {
	return []struct {
		share **Share
		name  string
		part  int64
	}{
		{&b.Receive, "receive", 60}, {&b.Decode, "decode", 80}, {&b.Events, "events", 35}, {&b.Fold, "fold", 80},
		{&b.Feed, "feed", 15}, {&b.Lookups, "lookups", 30}, {&b.Recording, "recording", 120}, {&b.History, "history", 60},
		{&b.Past, "past", 100}, {&b.Forward, "forward", 40}, {&b.Clients, "clients", 40}, {&b.Answers, "answers", 30},
		{&b.Watch, "watch", 20},
	}
}

// few formats a size that is too small: in bytes if it is less than a MiB, so that a missing unit is noticed.
func few(size int64) string {
	if size < 1<<20 {
		return fmt.Sprintf("%d bytes", size)
	}
	return fmt.Sprintf("%d MiB", size>>20)
}

// New returns the budget of a limit in bytes; source is the origin of the limit, for people.
func New(limit int64, source string) (*Budget, error) {
	if limit < Least {
		return nil, fmt.Errorf("%s of memory (%s) is too little: the conductor needs %d MiB at least; set --memory, or GOMEMLIMIT", few(limit), source, Least>>20)
	}
	b := &Budget{Limit: limit, Source: source}
	for _, s := range b.shares() {
		*s.share = NewShare(s.name, limit/1000*s.part)
	}
	return b, nil
}

// Beyond describes, for people, a budget of more memory than the process can have: the process would be ended before
// its shares refuse anything. It returns "" if the budget is within that memory, or the memory is not known.
func (b *Budget) Beyond() string {
	group, err := memlimit.FromCgroup()
	if err != nil {
		group = math.MaxUint64
	}
	machine, err := memlimit.FromSystem()
	if err != nil {
		machine = math.MaxUint64
	}
	return b.beyond(group, machine)
}

func (b *Budget) beyond(group, machine uint64) string {
	has, whose := machine, "the machine's memory"
	if group < machine {
		has, whose = group, "the control group's limit"
	}
	if uint64(b.Limit) <= has {
		return ""
	}
	return fmt.Sprintf("%d MiB of memory (%s) is more than %s, %d MiB: the system may end the process before the limit is enforced", b.Limit>>20, b.Source, whose, has>>20)
}

// Default returns the budget of a process without --memory: GOMEMLIMIT if that is set, else a share of the control
// group's memory or of the machine's.
func Default() (*Budget, error) {
	if limit := debug.SetMemoryLimit(-1); os.Getenv("GOMEMLIMIT") != "" && limit < math.MaxInt64 {
		return New(limit, "GOMEMLIMIT")
	}
	if group, err := memlimit.FromCgroup(); err == nil && group < math.MaxInt64 {
		if machine, err := memlimit.FromSystem(); err != nil || group < machine {
			return New(int64(float64(group)*groupShare), "nine tenths of the control group's limit")
		}
	}
	machine, err := memlimit.FromSystem()
	if err != nil {
		return nil, fmt.Errorf("cannot read the machine's memory size: %w; set --memory, or GOMEMLIMIT", err)
	}
	return New(max(Least, int64(float64(machine)*machineShare)), "a quarter of the machine's memory")
}

// Enforce sets the memory limit of the Go runtime to the budget's. It replaces GOMEMLIMIT: with a lower one the runtime
// would collect garbage all the time, and requests would be refused, well below the limit that --memory sets.
func (b *Budget) Enforce() { debug.SetMemoryLimit(b.Limit - program) }

// Usage returns the present usage of the shares.
func (b *Budget) Usage() []Usage {
	var out []Usage
	for _, s := range b.shares() {
		out = append(out, (*s.share).usage())
	}
	return out
}
