package deploytest

import (
	"context"
	"errors"

	"chordconductor/conductor/lab/deploy"
	"chordconductor/node/chord"
	"chordconductor/node/nodepb"
)

// Paper is hosts that exist on paper, and record their faults. Its fields are not guarded.
type Paper struct {
	List  []deploy.Host                       // what Hosts returns
	Sent  map[string]*nodepb.SetFaultsRequest // the last order, by address
	Calls int                                 // of SetFaults
	Fail  string                              // address of a host that cannot be reached
}

// ID is a member's identifier of one byte.
func ID(n byte) chord.ID { return chord.ID{19: n} }

// NewPaper makes hosts with one member each: ID(1) on the first, ID(2) on the second.
func NewPaper(addresses ...string) *Paper {
	f := &Paper{Sent: make(map[string]*nodepb.SetFaultsRequest)}
	for i, a := range addresses {
		f.List = append(f.List, deploy.Host{ID: a, Address: a, Members: []deploy.Member{{ID: ID(byte(i + 1)), Joined: true}}})
	}
	return f
}

// Hosts is the list.
func (f *Paper) Hosts() []deploy.Host { return f.List }

// SetFaults records a host's faults.
func (f *Paper) SetFaults(_ context.Context, address string, q *nodepb.SetFaultsRequest) error {
	f.Calls++
	if address == f.Fail {
		return errors.New("unreachable")
	}
	f.Sent[address] = q
	return nil
}

// Start starts nothing.
func (f *Paper) Start(context.Context, int, string) ([]chord.ID, error) { return nil, nil }

// Stop stops nothing.
func (f *Paper) Stop(context.Context, chord.ID, deploy.Departure) error { return nil }

// Client is none.
func (f *Paper) Client(string) deploy.Client { return nil }

// Replicas is three.
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
