package faults

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"chordconductor/conductor/lab/deploy"
	"chordconductor/conductor/lab/scenario"
	"chordconductor/node/chord"
)

const (
	applyEvery   = time.Second      // new hosts are sent the faults in force
	faultRenewal = 10 * time.Second // hosts with faults are sent them again
	faultRetry   = 2 * time.Second  // hosts that have not answered are asked again

	// maxEnding bounds the faults that are listed as ending. Beyond it the oldest are no longer listed; the orders to
	// their hosts are still repeated until they have confirmed the end.
	maxEnding = 256
)

// InForce combines the faults in force into one order per host, and sends the orders. Hosts that start later are sent
// an order as well, so that a new host does not bridge a partition.
type InForce struct {
	fleet deploy.Fleet
	now   func() time.Time
	home  scenario.Network // network conditions of the deployment, whatever the scenario

	mu      sync.Mutex
	network scenario.Network  // guarded by mu: network conditions of every call
	active  []*Fault          // guarded by mu; bounded by the phases of a scenario and the commands of users
	ending  []*Fault          // guarded by mu; ended, but not confirmed by all hosts concerned; at most maxEnding
	orders  map[string]*order // guarded by mu; by address: hosts that have or had a fault
}

func newInForce(f deploy.Fleet, n scenario.Network, now func() time.Time) *InForce {
	return &InForce{fleet: f, now: now, home: n, network: n, orders: make(map[string]*order)}
}

// Add puts a fault into force; the returned function ends it. After an error the fault stays in the list: while it
// lasts, it is sent again to hosts that did not accept it.
func (f *InForce) Add(ctx context.Context, d *Fault) (end func(context.Context) error, err error) {
	for _, h := range f.fleet.Hosts() {
		if d.From[h.Address] || d.To[h.Address] {
			for _, m := range h.Members {
				d.members = append(d.members, m.ID)
			}
		}
	}
	f.mu.Lock()
	f.active = append(f.active, d)
	f.mu.Unlock()
	return func(ctx context.Context) error { return f.Remove(ctx, d) }, f.send(ctx, d.orders)
}

// Remove ends faults. After an error, the order is sent again to the hosts that did not confirm the end.
func (f *InForce) Remove(ctx context.Context, ds ...*Fault) error {
	f.mu.Lock()
	f.end(func(d *Fault) bool { return slices.Contains(ds, d) })
	f.mu.Unlock()
	return f.send(ctx, func(host string) bool {
		return slices.ContainsFunc(ds, func(d *Fault) bool { return d.orders(host) })
	})
}

// end moves faults from those in force to those that are ending. The caller holds f.mu.
func (f *InForce) end(which func(*Fault) bool) {
	for _, d := range f.active {
		if which(d) {
			f.ending = append(f.ending, d)
		}
	}
	f.active = slices.DeleteFunc(f.active, which)
	f.ending = f.ending[max(0, len(f.ending)-maxEnding):]
}

func every(*Fault) bool { return true }

func everyHost(string) bool { return true }

// Impose puts faults into force at every host concerned, or leaves none in force: a command that fails takes back what
// it has done. If a host cannot be reached to take a fault back, the order is sent again until the host confirms, or
// its lease ends.
func (f *InForce) Impose(ctx context.Context, ds ...*Fault) error {
	for i, d := range ds {
		_, err := f.Add(ctx, d)
		if err == nil {
			err = ctx.Err() // the caller has already been answered with an error
		}
		if err != nil {
			_ = f.Remove(context.WithoutCancel(ctx), ds[:i+1]...) // retried at the hosts where this fails
			return err
		}
	}
	return nil
}

// Heal ends all faults, also those whose end a host has not confirmed yet. It returns the members of the hosts that the
// ended faults named. An error reports a host that could not be reached, where a fault may still be in force.
func (f *InForce) Heal(ctx context.Context) ([]chord.ID, error) {
	f.mu.Lock()
	f.end(every)
	healing := slices.Clone(f.ending)
	f.mu.Unlock()
	err := f.send(ctx, everyHost)
	f.mu.Lock()
	defer f.mu.Unlock()
	ids := []chord.ID{}
	for _, d := range healing {
		if !slices.Contains(f.ending, d) {
			ids = append(ids, d.members...)
		}
	}
	slices.SortFunc(ids, chord.ID.Compare)
	return slices.Compact(ids), err
}

// List returns the faults that are, or may be, in force.
func (f *InForce) List() []Listed {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make([]Listed, 0, len(f.active)+len(f.ending))
	for i, d := range slices.Concat(f.active, f.ending) {
		fault := Listed{Ending: i >= len(f.active), From: slices.Sorted(maps.Keys(d.From)), To: slices.Sorted(maps.Keys(d.To)), Latency: d.Latency, Members: d.members}
		switch {
		case d.Partition && d.Both:
			fault.Kind = "partition"
		case d.Partition:
			fault.Kind = "one_way_cut"
		case d.Paused:
			fault.Kind = "pause"
		case d.Held:
			fault.Kind = "telemetry_outage"
		default:
			fault.Kind = "slow_link"
		}
		out = append(out, fault)
	}
	return out
}

// SetNetwork imposes network conditions on all calls from now on; Clear ends them and all faults.
func (f *InForce) SetNetwork(ctx context.Context, n scenario.Network) error {
	f.mu.Lock()
	f.network = n
	f.mu.Unlock()
	return f.send(ctx, everyHost)
}

// Clear ends all faults, and the network conditions that are not the deployment's own.
func (f *InForce) Clear(ctx context.Context) error {
	f.mu.Lock()
	f.network = f.home
	f.end(every)
	f.mu.Unlock()
	return f.send(ctx, everyHost)
}

// Partitioned counts the members that are partitioned off now, or may be.
func (f *InForce) Partitioned() (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, d := range slices.Concat(f.active, f.ending) {
		n += d.Partitioned
	}
	return n
}

// apply sends every host its order if that is new to the host. It continues after an error, and returns the first one.
// An order that is not new and could not be sent a moment ago is left for later, without an error.
func (f *InForce) apply(ctx context.Context) error {
	return f.send(ctx, func(string) bool { return false })
}

// send is apply for a caller that has changed the orders of the hosts concerned. It waits for calls under way to these
// hosts, and sends again what failed a moment ago: apply runs concurrently and may have sent the change first, but its
// errors do not reach this caller.
func (f *InForce) send(ctx context.Context, concerned func(host string) bool) error {
	var first error
	f.mu.Lock()
	ended := slices.Clone(f.ending) // of what ends from now on, the orders do not know yet
	f.mu.Unlock()
	addresses, changed := f.compose(f.fleet.Hosts())
	for _, address := range addresses {
		if err := f.sendOrder(ctx, address, concerned(address) || changed[address]); err != nil && first == nil {
			first = err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ending = slices.DeleteFunc(f.ending, func(d *Fault) bool {
		n, _ := f.missing(d)
		return n == 0 && slices.Contains(ended, d)
	})
	return first
}

// missing returns how many of the hosts that a fault concerns have not acknowledged their order, and how many of these
// the fault names. It is not known whether those hosts are under the fault. The caller holds f.mu.
func (f *InForce) missing(d *Fault) (all, named int) {
	for address, o := range f.orders {
		if d.orders(address) && !o.taken() {
			all++
			if d.From[address] {
				named++
			}
		}
	}
	return all, named
}

// Hit returns how many of the hosts that a fault in force names are under the fault. If the fault also depends on other
// hosts and one of these has not acknowledged its order, Hit returns 0.
func (f *InForce) Hit(d *Fault) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if all, named := f.missing(d); all > named || d.To != nil && len(d.To) == 0 {
		return 0
	}
	for address := range d.From {
		if o := f.orders[address]; o != nil && o.taken() { // no order: the host has ended
			n++
		}
	}
	return n
}

// Stuck counts the hosts named by an ended fault that may still be under it. If another host on which the fault depends
// has not confirmed the end, it counts all of them.
func (f *InForce) Stuck(d *Fault) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	all, named := f.missing(d)
	if all > named {
		return len(d.From)
	}
	return named
}

// Settled returns the number of hosts that have an order, and of those that have acknowledged it.
func (f *InForce) Settled() (wanted, taken int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, o := range f.orders {
		wanted++
		if o.taken() {
			taken++
		}
	}
	return wanted, taken
}

// Faulty returns the number of hosts that are, or may be, under a fault.
func (f *InForce) Faulty() (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for address, o := range f.orders {
		concerns := func(d *Fault) bool { return d.orders(address) }
		if slices.ContainsFunc(f.active, concerns) || !o.taken() && slices.ContainsFunc(f.ending, concerns) {
			n++
		}
	}
	return n
}
