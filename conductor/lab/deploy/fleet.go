package deploy

import (
	"context"
	"slices"

	"chordconductor/conductor/lab/load"
	"chordconductor/node/chord"
	"chordconductor/node/nodepb"
)

// A Fleet is the hosts of a ring and the commands to them. Hosts come and go; a call about one that is gone returns
// ErrUnknown. All methods may be called from any task.
type Fleet interface {
	// Hosts lists the hosts, ordered by address, with their members that have not been stopped.
	Hosts() []Host
	// Start starts members: on the host of that ID or address, or, if it is empty, wherever this fleet puts new members.
	// It returns when they are started, not when they have joined.
	Start(ctx context.Context, count int, host string) ([]chord.ID, error)
	// Stop makes a member leave, which goes on after it returns, or crash.
	Stop(ctx context.Context, id chord.ID, way Departure) error
	// Client returns a host's key service as its clients have it; nil if there is no such host.
	Client(address string) Client
	// SetFaults replaces all faults of a host: of its messages, of itself, of its telemetry. The host may be one that
	// Hosts no longer lists, if faults of it are in force. Where a fleet can lose contact with a host, faults hold for
	// a lease only, so they are sent again every faultRenewal.
	SetFaults(ctx context.Context, address string, q *nodepb.SetFaultsRequest) error
	// Replicas is how many replicas of each key the ring keeps, as far as is known.
	Replicas() int
	// Close ends what the fleet has started: members stop without sending a message.
	Close(ctx context.Context)
}

// A Departure is a way for a member to stop.
type Departure uint8

const (
	// Leave hands the keys off first. It is refused where no member remains that could take them.
	Leave Departure = iota
	// ForcedLeave is Leave, but where no member remains the keys end with the member.
	ForcedLeave
	// Crash stops without a message.
	Crash
)

// A Host is one failure domain of a fleet.
type Host struct {
	ID      string
	Address string
	Members []Member
	// Unproven: telemetry names this address, but no host has proven there that it holds the token, or the last attempt
	// failed. No keys and values are sent to such a host.
	Unproven bool
}

// A Member is one ring member as its fleet knows it.
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

// HostOf finds the host that carries a member.
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
