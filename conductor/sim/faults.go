package sim

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"chordconductor/conductor/sim/scenario"
	"chordconductor/node/nodepb"
)

// A disturbance is one thing that is wrong with the network between hosts, named by address.
type disturbance struct {
	from, to map[string]bool // to nil: all hosts not in from
	both     bool            // calls from "to" to "from" are concerned as well
	cut      bool
	alone    bool // hosts of from cannot reach each other either
	latency  time.Duration
	cuts     int // members cut off, for the page
}

// concerns reports whether calls from one host to another meet the disturbance.
func (d *disturbance) concerns(from, to string) bool {
	return from != to && (d.oneWay(from, to) || d.both && d.oneWay(to, from) || d.alone && d.from[from] && d.from[to])
}

func (d *disturbance) oneWay(from, to string) bool {
	if d.to == nil {
		return d.from[from] && !d.from[to]
	}
	return d.from[from] && d.to[to]
}

// faults composes the disturbances of the moment into what each host must do to its calls, and tells the hosts. Hosts
// that come later are told as well, so a newcomer does not bridge a cut.
type faults struct {
	fleet   Fleet
	network scenario.Network // what every call meets

	mu     sync.Mutex
	active []*disturbance             // guarded by mu; bounded by the phases of a scenario and the commands of users
	told   map[string][]*nodepb.Fault // guarded by mu: what each present host was told last
}

func newFaults(f Fleet, n scenario.Network) *faults {
	return &faults{fleet: f, network: n, told: make(map[string][]*nodepb.Fault)}
}

// add brings a disturbance into force; the returned function ends it.
func (f *faults) add(ctx context.Context, d *disturbance) (end func(context.Context) error, err error) {
	f.mu.Lock()
	f.active = append(f.active, d)
	f.mu.Unlock()
	return func(ctx context.Context) error {
		f.mu.Lock()
		f.active = slices.DeleteFunc(f.active, func(o *disturbance) bool { return o == d })
		f.mu.Unlock()
		return f.apply(ctx)
	}, f.apply(ctx)
}

// heal ends all disturbances.
func (f *faults) heal(ctx context.Context) error {
	f.mu.Lock()
	f.active = nil
	f.mu.Unlock()
	return f.apply(ctx)
}

// cut counts the members that are cut off now.
func (f *faults) cut() (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, d := range f.active {
		n += d.cuts
	}
	return n
}

// apply tells every host what is new to it. It goes on after an error and returns the first.
func (f *faults) apply(ctx context.Context) error {
	hosts := f.fleet.Hosts()
	type change struct {
		address string
		faults  []*nodepb.Fault
	}
	var changes []change
	f.mu.Lock()
	present := make(map[string]bool, len(hosts))
	for _, h := range hosts {
		present[h.Address] = true
		list := f.of(h.Address, hosts)
		if !slices.EqualFunc(list, f.told[h.Address], sameFault) {
			f.told[h.Address] = list
			changes = append(changes, change{h.Address, list})
		}
	}
	for address := range f.told {
		if !present[address] {
			delete(f.told, address)
		}
	}
	f.mu.Unlock()
	var first error
	for _, c := range changes {
		if err := f.fleet.SetFaults(ctx, c.address, c.faults); err != nil {
			f.mu.Lock()
			delete(f.told, c.address) // try again with the next change
			f.mu.Unlock()
			if first == nil {
				first = err
			}
		}
	}
	return first
}

// of composes the faults of the calls that one host makes. The first fault that names an address decides, and "*" comes
// last.
func (f *faults) of(from string, hosts []Host) []*nodepb.Fault {
	var list []*nodepb.Fault
	base := &nodepb.Fault{Address: "*", LatencyMillis: f.network.Latency.Milliseconds(), Loss: f.network.Loss}
	if len(f.active) > 0 {
		for _, to := range hosts {
			if fault := f.between(from, to.Address, base); fault != nil {
				list = append(list, fault)
			}
		}
	}
	if base.LatencyMillis > 0 || base.Loss > 0 {
		list = append(list, base)
	}
	return list
}

// between composes what one host's calls to another meet beyond the base; nil: nothing.
func (f *faults) between(from, to string, base *nodepb.Fault) (fault *nodepb.Fault) {
	for _, d := range f.active {
		if !d.concerns(from, to) {
			continue
		}
		if fault == nil {
			fault = &nodepb.Fault{Address: to, LatencyMillis: base.LatencyMillis, Loss: base.Loss}
		}
		fault.Cut = fault.Cut || d.cut
		fault.LatencyMillis += d.latency.Milliseconds()
	}
	return fault
}

func sameFault(a, b *nodepb.Fault) bool {
	return a.Address == b.Address && a.Cut == b.Cut && a.LatencyMillis == b.LatencyMillis && a.Loss == b.Loss
}

// pause makes hosts deaf and mute, and returns what lets them go on. Where hosts cannot be stopped, they are cut off
// from everybody instead.
func (s *site) pause(ctx context.Context, hosts map[string]bool) (resume func(context.Context) error, err error) {
	set := func(ctx context.Context, paused bool) (first error) {
		for _, address := range slices.Sorted(maps.Keys(hosts)) {
			if err := s.Fleet.SetPaused(ctx, address, paused); err != nil && first == nil && !errors.Is(err, ErrUnknown) {
				first = err
			}
		}
		return first
	}
	if err = set(ctx, true); !errors.Is(err, ErrUnavailable) {
		return func(ctx context.Context) error { return set(ctx, false) }, err
	}
	return s.faults.add(ctx, &disturbance{from: hosts, both: true, cut: true, alone: true})
}
