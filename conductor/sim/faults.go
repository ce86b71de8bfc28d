package sim

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"chordconductor/conductor/sim/scenario"
	"chordconductor/node/chord"
	"chordconductor/node/nodepb"
)

const (
	tendEvery    = time.Second      // hosts that came since are told what holds
	faultRenewal = 10 * time.Second // hosts that something is wrong with are told again
	faultRetry   = 2 * time.Second  // and those that could not be told

	// maxEnding bounds the faults that are listed as ending. At the bound the oldest are listed no more; their hosts are
	// asked until they have confirmed all the same.
	maxEnding = 256
)

// A disturbance is one thing that is wrong with hosts, named by address, or with the network between them.
type disturbance struct {
	from, to map[string]bool // to nil: all hosts not in from
	both     bool            // calls from "to" to "from" are concerned as well
	cut      bool
	latency  time.Duration
	paused   bool       // hosts of from are deaf and mute
	held     bool       // the telemetry of hosts of from is not delivered
	cuts     int        // members cut off, for the page
	members  []chord.ID // of the hosts named, when it began
}

// concerns reports whether calls from one host to another meet the disturbance.
func (d *disturbance) concerns(from, to string) bool {
	return (d.cut || d.latency > 0) && from != to && (d.oneWay(from, to) || d.both && d.oneWay(to, from))
}

// orders reports whether a host has to do something for the disturbance: each does itself what its calls to others meet.
func (d *disturbance) orders(host string) bool {
	return d.from[host] || d.both && (d.to[host] || d.to == nil)
}

func (d *disturbance) oneWay(from, to string) bool {
	if d.to == nil {
		return d.from[from] && !d.from[to]
	}
	return d.from[from] && d.to[to]
}

// faults composes the disturbances of the moment into what is wrong with each host, and tells the hosts. Hosts that come
// later are told as well, so a newcomer does not bridge a cut.
type faults struct {
	fleet Fleet
	now   func() time.Time
	home  scenario.Network // what every call meets here, whatever the scenario

	mu      sync.Mutex
	network scenario.Network  // guarded by mu: what every call meets
	active  []*disturbance    // guarded by mu; bounded by the phases of a scenario and the commands of users
	ending  []*disturbance    // guarded by mu; ended, and not all hosts concerned have confirmed it; at most maxEnding
	orders  map[string]*order // guarded by mu; by address: hosts that something is or was wrong with
}

// An order is what a host shall be told and what it was told last.
type order struct {
	want *nodepb.SetFaultsRequest
	told *nodepb.SetFaultsRequest // nil: not known, for telling it failed
	at   time.Time                // when it was told, or tried
	busy chan struct{}            // closed when whoever is telling it has ended; nil: nobody is
}

// taken reports whether the host is known to be as is wanted. No order: nothing is wrong with it, and nothing shall be.
func (o *order) taken() bool { return o == nil || o.told != nil && proto.Equal(o.told, o.want) }

func (o *order) due(now time.Time) bool {
	switch {
	case o.busy != nil:
		return false
	case o.told == nil:
		return now.Sub(o.at) >= faultRetry
	}
	return !proto.Equal(o.told, o.want) || !well(o.want) && now.Sub(o.at) >= faultRenewal
}

func well(q *nodepb.SetFaultsRequest) bool {
	return len(q.GetFaults()) == 0 && !q.GetPaused() && !q.GetTelemetryHeld()
}

func newFaults(f Fleet, n scenario.Network, now func() time.Time) *faults {
	return &faults{fleet: f, now: now, home: n, network: n, orders: make(map[string]*order)}
}

// add brings a disturbance into force; the returned function ends it. After an error it is wanted all the same: hosts
// that did not take it are asked again while it lasts.
func (f *faults) add(ctx context.Context, d *disturbance) (end func(context.Context) error, err error) {
	for _, h := range f.fleet.Hosts() {
		if d.from[h.Address] || d.to[h.Address] {
			for _, m := range h.Members {
				d.members = append(d.members, m.ID)
			}
		}
	}
	f.mu.Lock()
	f.active = append(f.active, d)
	f.mu.Unlock()
	return func(ctx context.Context) error { return f.remove(ctx, d) }, f.send(ctx, d.orders)
}

func (f *faults) remove(ctx context.Context, ds ...*disturbance) error {
	f.mu.Lock()
	f.end(func(d *disturbance) bool { return slices.Contains(ds, d) })
	f.mu.Unlock()
	return f.send(ctx, func(host string) bool {
		return slices.ContainsFunc(ds, func(d *disturbance) bool { return d.orders(host) })
	})
}

// end moves disturbances from those in force to those that are ending. f.mu is held.
func (f *faults) end(which func(*disturbance) bool) {
	for _, d := range f.active {
		if which(d) {
			f.ending = append(f.ending, d)
		}
	}
	f.active = slices.DeleteFunc(f.active, which)
	f.ending = f.ending[max(0, len(f.ending)-maxEnding):]
}

func every(*disturbance) bool { return true }

func everyHost(string) bool { return true }

// impose brings disturbances into force at every host concerned, or none of them: a command that fails leaves nothing
// behind. A host that cannot be reached to take one back, too, is asked again until it has, or its lease ends.
func (f *faults) impose(ctx context.Context, ds ...*disturbance) error {
	for i, d := range ds {
		_, err := f.add(ctx, d)
		if err == nil {
			err = ctx.Err() // nobody waits for it any more, and has been answered that it failed
		}
		if err != nil {
			_ = f.remove(context.WithoutCancel(ctx), ds[:i+1]...) // what stays is retried
			return err
		}
	}
	return nil
}

// heal ends all disturbances, also those that a host has not confirmed to have ended. It returns the members of the
// hosts named by those that have: an error says that a host could not be reached, where one may still be in force.
func (f *faults) heal(ctx context.Context) ([]chord.ID, error) {
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

// FaultKinds are the values of Fault.Kind.
func FaultKinds() []string {
	return []string{"partition", "one_way_cut", "slow_link", "pause", "telemetry_outage"}
}

// A Fault is a disturbance in force, as the API lists it.
type Fault struct {
	Kind    string        // partition, one_way_cut, slow_link, pause or telemetry_outage, as a scenario names it
	From    []string      // addresses of the hosts concerned
	To      []string      // of those that they cannot call, or call slowly; empty: all others
	Latency time.Duration // added
	Members []chord.ID    // of the hosts named, when it began
	Ending  bool          // it was ended, and may still be in force: not all hosts concerned have confirmed that
}

// list is what is in force, or may be.
func (f *faults) list() []Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make([]Fault, 0, len(f.active)+len(f.ending))
	for i, d := range slices.Concat(f.active, f.ending) {
		fault := Fault{Ending: i >= len(f.active), From: slices.Sorted(maps.Keys(d.from)), To: slices.Sorted(maps.Keys(d.to)), Latency: d.latency, Members: d.members}
		switch {
		case d.cut && d.both:
			fault.Kind = "partition"
		case d.cut:
			fault.Kind = "one_way_cut"
		case d.paused:
			fault.Kind = "pause"
		case d.held:
			fault.Kind = "telemetry_outage"
		default:
			fault.Kind = "slow_link"
		}
		out = append(out, fault)
	}
	return out
}

// travel makes all calls meet a network from now on; settle ends that and all disturbances.
func (f *faults) travel(ctx context.Context, n scenario.Network) error {
	f.mu.Lock()
	f.network = n
	f.mu.Unlock()
	return f.send(ctx, everyHost)
}

func (f *faults) settle(ctx context.Context) error {
	f.mu.Lock()
	f.network = f.home
	f.end(every)
	f.mu.Unlock()
	return f.send(ctx, everyHost)
}

// cut counts the members that are cut off now, or may be.
func (f *faults) cut() (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, d := range slices.Concat(f.active, f.ending) {
		n += d.cuts
	}
	return n
}

// apply sends every host what is new to it. It goes on after an error and returns the first. Where nothing is new, what
// failed a moment ago is left for later, and is no error now.
func (f *faults) apply(ctx context.Context) error {
	return f.send(ctx, func(string) bool { return false })
}

// send is apply for whoever has changed what is wanted of the hosts concerned: it waits for what is under way there, and
// asks again those that failed a moment ago. For apply, which runs at the same time, may have been the first to see the
// change, and its answers are not this caller's.
func (f *faults) send(ctx context.Context, concerned func(host string) bool) error {
	var first error
	f.mu.Lock()
	ended := slices.Clone(f.ending) // of what ends from now on, the orders do not know yet
	f.mu.Unlock()
	addresses, changed := f.compose(f.fleet.Hosts())
	for _, address := range addresses {
		if err := f.tell(ctx, address, concerned(address) || changed[address]); err != nil && first == nil {
			first = err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ending = slices.DeleteFunc(f.ending, func(d *disturbance) bool {
		n, _ := f.missing(d)
		return n == 0 && slices.Contains(ended, d)
	})
	return first
}

// missing counts the hosts concerned by a disturbance that have not taken what is wanted of them now, and of these those
// that it names: they may be under it, or not, against what is wanted. f.mu is held.
func (f *faults) missing(d *disturbance) (all, named int) {
	for address, o := range f.orders {
		if d.orders(address) && !o.taken() {
			all++
			if d.from[address] {
				named++
			}
		}
	}
	return all, named
}

// hit counts the hosts named by a disturbance in force that are under it; none if it is not in force at others, too,
// whose part it takes.
func (f *faults) hit(d *disturbance) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if all, named := f.missing(d); all > named || d.to != nil && len(d.to) == 0 {
		return 0
	}
	for address := range d.from {
		if o := f.orders[address]; o != nil && o.taken() { // no order: the host has ended
			n++
		}
	}
	return n
}

// stuck counts the hosts named by a disturbance that was ended which may be under it still; all of them if others may.
func (f *faults) stuck(d *disturbance) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	all, named := f.missing(d)
	if all > named {
		return len(d.from)
	}
	return named
}

// settled counts the hosts that something is wanted of, and those of them that have taken it.
func (f *faults) settled() (wanted, taken int) {
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

// disturbed counts the hosts that are under a disturbance, or may be.
func (f *faults) disturbed() (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for address, o := range f.orders {
		concerns := func(d *disturbance) bool { return d.orders(address) }
		if slices.ContainsFunc(f.active, concerns) || !o.taken() && slices.ContainsFunc(f.ending, concerns) {
			n++
		}
	}
	return n
}

// compose brings the orders up to date, and lists the addresses that they are for, and which of them have changed. A host that is no longer among the hosts keeps its
// order until it was told that all is well: its members may only be taken for dead.
func (f *faults) compose(hosts []Host) (addresses []string, changed map[string]bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	changed = make(map[string]bool)
	for _, h := range hosts {
		if f.orders[h.Address] == nil {
			if want := f.of(h.Address, hosts); !well(want) {
				f.orders[h.Address] = &order{want: want, told: &nodepb.SetFaultsRequest{}}
				changed[h.Address] = true
			}
		}
	}
	for address, o := range f.orders {
		want := f.of(address, hosts)
		changed[address] = changed[address] || !proto.Equal(want, o.want)
		o.want = want
	}
	return slices.Sorted(maps.Keys(f.orders)), changed
}

// tell sends one host its orders until it has what is wanted. If new, the caller wants something else than before: then the
// host is asked even if it refused a moment ago, and the answer to another command is waited for, so that the caller learns
// whether the host has taken what is wanted now.
func (f *faults) tell(ctx context.Context, address string, new bool) error {
	for {
		f.mu.Lock()
		o := f.orders[address]
		switch {
		case o == nil:
			f.mu.Unlock()
			return nil
		case o.busy != nil && new: // whoever is telling it sees to this, too; if that fails, it is tried once more
			busy := o.busy
			f.mu.Unlock()
			select {
			case <-busy:
			case <-ctx.Done():
				return refuse(ErrUnavailable, "host %s has not answered an earlier command yet; try again", address)
			}
			continue
		case !o.due(f.now()) && !(new && o.told == nil):
			f.mu.Unlock()
			return nil
		}
		new = false
		o.busy = make(chan struct{})
		q := o.want
		f.mu.Unlock()
		err := f.fleet.SetFaults(ctx, address, q)
		f.mu.Lock()
		close(o.busy)
		o.busy, o.told, o.at = nil, q, f.now()
		gone := errors.Is(err, ErrUnknown)
		if err != nil {
			o.told = nil
		}
		if gone || err == nil && well(o.want) && well(q) {
			delete(f.orders, address)
		}
		f.mu.Unlock()
		if gone {
			return nil // it has ended, and what was wrong with it too
		}
		if err != nil {
			return err
		}
	}
}

// of composes what is wrong with a host. Of its faults the first that names an address decides, and "*" comes last.
func (f *faults) of(from string, hosts []Host) *nodepb.SetFaultsRequest {
	q := &nodepb.SetFaultsRequest{}
	base := &nodepb.Fault{Address: "*", Loss: f.network.Loss, JitterMicros: f.network.Jitter.Microseconds()}
	if f.network.Spread == scenario.Exponential {
		base.ExponentialMicros = f.network.Latency.Microseconds()
	} else {
		base.LatencyMicros = f.network.Latency.Microseconds()
	}
	if len(f.active) > 0 {
		for _, to := range hosts {
			if fault := f.between(from, to.Address, base); fault != nil {
				q.Faults = append(q.Faults, fault)
			}
		}
	}
	if f.network.Latency > 0 || f.network.Jitter > 0 || f.network.Loss > 0 {
		q.Faults = append(q.Faults, base)
	}
	for _, d := range f.active {
		q.Paused = q.Paused || d.paused && d.from[from]
		q.TelemetryHeld = q.TelemetryHeld || d.held && d.from[from]
	}
	return q
}

// between composes what one host's calls to another meet beyond the base; nil: nothing.
func (f *faults) between(from, to string, base *nodepb.Fault) (fault *nodepb.Fault) {
	for _, d := range f.active {
		if !d.concerns(from, to) {
			continue
		}
		if fault == nil {
			fault = proto.CloneOf(base)
			fault.Address = to
		}
		fault.Cut = fault.Cut || d.cut
		fault.LatencyMicros += d.latency.Microseconds()
	}
	return fault
}

// tend tells the faults to hosts that came since, and again to those that could not be told or have them for a lease,
// until the world ends.
func (s *site) tend(ctx context.Context) {
	for s.World.Sleep(tendEvery) == nil {
		_ = s.faults.apply(ctx) // tried again
	}
}
