package deploytest

import (
	"context"
	"errors"
	"slices"
	"sync"

	"google.golang.org/protobuf/proto"

	"chordconductor/conductor/lab/deploy"
	"chordconductor/node/chord"
	"chordconductor/node/nodepb"
)

// Paper is a fleet of hosts that exist only in memory: it records their faults and members, and its calls fail where a
// test sets that. Its methods may be called from any task; its fields must not be accessed while methods run.
type Paper struct {
	List    []deploy.Host                       // what Hosts returns
	Sent    map[string]*nodepb.SetFaultsRequest // the last order, by address
	Fail    string                              // address of a host to which no order can be sent
	Failing map[int]bool                        // calls that fail, by their number, from 0 on
	Late    bool                                // the failing calls fail after the host has carried out the call, not before

	Calls, Failed    int // calls to hosts: one for each order, and for each member started or stopped
	Started, Stopped int // members

	mu sync.Mutex // held by methods
}

// ID returns the identifier of a member from one byte.
func ID(n byte) chord.ID { return chord.ID{19: n} }

// NewPaper returns a fleet of hosts with one member each: ID(1) on the first, ID(2) on the second, and so on.
func NewPaper(addresses ...string) *Paper {
	f := &Paper{Sent: make(map[string]*nodepb.SetFaultsRequest), Failing: make(map[int]bool)}
	for i, a := range addresses {
		f.List = append(f.List, deploy.Host{ID: a, Address: a, Members: []deploy.Member{{ID: ID(byte(i + 1)), Joined: true}}})
	}
	return f
}

// call counts one call to a host, and decides whether the call fails. The address is empty for calls that Fail does not
// apply to.
func (f *Paper) call(address string, act func()) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	fails, cut := f.Failing[f.Calls], address != "" && address == f.Fail
	f.Calls++
	if !cut && (!fails || f.Late) {
		act()
	}
	if fails || cut {
		f.Failed++
		return errors.New("unreachable")
	}
	return nil
}

// Hosts returns a copy of the list.
func (f *Paper) Hosts() []deploy.Host {
	f.mu.Lock()
	defer f.mu.Unlock()
	hosts := slices.Clone(f.List)
	for i := range hosts {
		hosts[i].Members = slices.Clone(hosts[i].Members)
	}
	return hosts
}

// Members lists the identifiers of all members, in their order.
func (f *Paper) Members() (ids []chord.ID) {
	for _, h := range f.Hosts() {
		for _, m := range h.Members {
			ids = append(ids, m.ID)
		}
	}
	slices.SortFunc(ids, chord.ID.Compare)
	return ids
}

// Order returns the last order that was sent to a host; nil if there was none.
func (f *Paper) Order(address string) *nodepb.SetFaultsRequest {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.Sent[address]
}

// SetFaults records a host's faults.
func (f *Paper) SetFaults(_ context.Context, address string, q *nodepb.SetFaultsRequest) error {
	return f.call(address, func() { f.Sent[address] = proto.CloneOf(q) })
}

// Start lists members on the hosts, one host after the other, whichever host is requested: ID(101) is the first member.
// A start that fails is not reported, even if it fails after the member was started.
func (f *Paper) Start(_ context.Context, count int, _ string) (ids []chord.ID, err error) {
	for range count {
		var id chord.ID
		if err := f.call("", func() {
			h := &f.List[f.Started%len(f.List)]
			f.Started++
			id = ID(byte(100 + f.Started))
			h.Members = append(h.Members, deploy.Member{ID: id, Joined: true})
		}); err != nil {
			return ids, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// Stop removes a member from the list.
func (f *Paper) Stop(_ context.Context, of chord.ID, _ deploy.Departure) error {
	return f.call("", func() {
		for i := range f.List {
			h := &f.List[i]
			before := len(h.Members)
			h.Members = slices.DeleteFunc(h.Members, func(m deploy.Member) bool { return m.ID == of })
			f.Stopped += before - len(h.Members)
		}
	})
}

// Client returns nil.
func (f *Paper) Client(string) deploy.Client { return nil }

// Replicas returns 3.
func (f *Paper) Replicas() int { return 3 }

// Close does nothing.
func (f *Paper) Close(context.Context) {}

// Blocked lists the pairs whose calls are partitioned, as "a>b".
func (f *Paper) Blocked() (pairs []string) {
	for _, h := range f.List {
		for _, fault := range f.Sent[h.Address].GetFaults() {
			if fault.Cut {
				pairs = append(pairs, h.Address+">"+fault.Address)
			}
		}
	}
	return pairs
}
