package deploy

import (
	"context"
	"slices"

	"chordconductor/conductor/lab/load"
	"chordconductor/node/chord"
	"chordconductor/node/nodepb"
)

// A Fleet holds the hosts of a ring, and commands them. Hosts come and go; a call about a host that is gone returns
// ErrUnknown. All methods may be called from any task.
type Fleet interface {
	// Hosts lists the hosts, ordered by address, with their members that have not been stopped.
	Hosts() []Host
	// Start starts members on the host with that ID or address. If host is empty, the fleet chooses the hosts. It
	// returns when the members are started, not when they have joined.
	Start(ctx context.Context, count int, host string) ([]chord.ID, error)
	// Stop makes a member leave or crash. A leave continues after Stop has returned.
	Stop(ctx context.Context, id chord.ID, way Departure) error
	// Client returns a host's key service, through which clients use the host; nil if there is no such host.
	Client(address string) Client
	// SetFaults replaces all faults of a host: those of its messages, of the host itself, and of its telemetry. The
	// host may be one that Hosts no longer lists, if faults of it are in force. If a fleet can lose contact with a
	// host, faults hold for a lease only, so they are sent again every faultRenewal.
	SetFaults(ctx context.Context, address string, q *nodepb.SetFaultsRequest) error
	// Replicas returns R, the number of hosts that shall hold each key, as far as it is known.
	Replicas() int
	// Close ends what the fleet has started: members stop without sending a message.
	Close(ctx context.Context)
}

// A Departure is a way for a member to stop.
type Departure uint8

const (
	// Leave hands the keys off first. It is refused if no remaining member could take the keys.
	Leave Departure = iota
	// ForcedLeave is like Leave, but if no member remains, the keys are lost with the member.
	ForcedLeave
	// Crash stops without a message.
	Crash
)

// A Host is one failure domain of a fleet.
type Host struct {
	ID      string
	Address string
	Members []Member
	// Unproven means that telemetry names this address, but no host there has proven that it holds the token, or the
	// last attempt failed. No keys and values are sent to such a host.
	Unproven bool
}

// A Member is one ring member, as far as its fleet knows its state.
type Member struct {
	ID     chord.ID
	Joined bool
}

// Client is a host's key service.
type Client interface {
	load.Store
	Delete(context.Context, *nodepb.DeleteRequest) (*nodepb.DeleteResponse, error)
}

// Joined reports whether a host has a member on the ring, so that it can serve clients.
func (h Host) Joined() bool {
	return slices.ContainsFunc(h.Members, func(m Member) bool { return m.Joined })
}

// CountMembers returns the number of members on all hosts, and how many of them have joined.
func CountMembers(hosts []Host) (all, joined int) {
	for _, h := range hosts {
		for _, m := range h.Members {
			all++
			if m.Joined {
				joined++
			}
		}
	}
	return all, joined
}

// HostOf finds the host of a member.
func HostOf(hosts []Host, id chord.ID) (Host, bool) {
	for _, h := range hosts {
		if slices.ContainsFunc(h.Members, func(m Member) bool { return m.ID == id }) {
			return h, true
		}
	}
	return Host{}, false
}

// Serves reports whether a client's operations can be sent to a host.
func (h Host) Serves() bool { return h.Joined() && !h.Unproven }

// Pick returns the client of a host that serves; n chooses among them.
func Pick(f Fleet, n uint64) (load.Store, bool) {
	c, ok := PickClient(f, n, Host.Serves)
	return c, ok
}

// PickClient returns the client of an able host; n chooses among them.
func PickClient(f Fleet, n uint64, isAble func(Host) bool) (Client, bool) {
	hosts := f.Hosts()
	able := 0
	for _, h := range hosts {
		if isAble(h) {
			able++
		}
	}
	if able == 0 {
		return nil, false
	}
	skip := int(n % uint64(able))
	for _, h := range hosts {
		if !isAble(h) {
			continue
		}
		if skip == 0 {
			c := f.Client(h.Address)
			return c, c != nil
		}
		skip--
	}
	return nil, false
}
