package faults

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"chordconductor/conductor/lab/deploy"
	"chordconductor/conductor/lab/scenario"
	"chordconductor/node/nodepb"
)

// An order holds the faults that a host is to have, and the faults that it acknowledged last.
type order struct {
	want         *nodepb.SetFaultsRequest
	acknowledged *nodepb.SetFaultsRequest // nil: not known, since sending failed
	at           time.Time                // when the order was sent, or the sending failed
	busy         chan struct{}            // closed when the caller that is sending the order has ended; nil: no caller is sending
}

// taken reports whether the host is known to have exactly the faults wanted. A host without an order has no faults, and
// none are wanted.
func (o *order) taken() bool {
	return o == nil || o.acknowledged != nil && proto.Equal(o.acknowledged, o.want)
}

func (o *order) due(now time.Time) bool {
	switch {
	case o.busy != nil:
		return false
	case o.acknowledged == nil:
		return now.Sub(o.at) >= faultRetry
	}
	return !proto.Equal(o.acknowledged, o.want) || !Healthy(o.want) && now.Sub(o.at) >= faultRenewal
}

// Healthy reports whether an order has no faults.
func Healthy(q *nodepb.SetFaultsRequest) bool {
	return len(q.GetFaults()) == 0 && !q.GetPaused() && !q.GetTelemetryHeld()
}

// compose brings the orders up to date, and lists their addresses, and which of them have changed. A host that is no
// longer listed keeps its order until it has acknowledged that it has none: its members may be alive.
func (f *InForce) compose(hosts []deploy.Host) (addresses []string, changed map[string]bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	changed = make(map[string]bool)
	for _, h := range hosts {
		if f.orders[h.Address] == nil {
			if want := f.of(h.Address, hosts); !Healthy(want) {
				f.orders[h.Address] = &order{want: want, acknowledged: &nodepb.SetFaultsRequest{}}
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

// sendOrder sends a host its order until the host has acknowledged what is wanted. With new, the caller wants something
// else than before: then the host is asked even if it refused a moment ago, and a call of another caller that is under
// way is awaited, so that the error reports whether the host has accepted what is wanted now.
func (f *InForce) sendOrder(ctx context.Context, address string, new bool) error {
	for {
		f.mu.Lock()
		o := f.orders[address]
		switch {
		case o == nil:
			f.mu.Unlock()
			return nil
		case o.busy != nil && new: // the caller that is sending includes this change; if its call fails, the order is sent once more
			busy := o.busy
			f.mu.Unlock()
			select {
			case <-busy:
			case <-ctx.Done():
				return deploy.Refuse(deploy.ErrUnavailable, "host %s has not answered an earlier command yet: try again", address)
			}
			continue
		case !o.due(f.now()) && !(new && o.acknowledged == nil):
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
		o.busy, o.acknowledged, o.at = nil, q, f.now()
		gone := errors.Is(err, deploy.ErrUnknown)
		if err != nil {
			o.acknowledged = nil
		}
		if gone || err == nil && Healthy(o.want) && Healthy(q) {
			delete(f.orders, address)
		}
		f.mu.Unlock()
		if gone {
			return nil // the host has ended, and its faults with it
		}
		if err != nil {
			return err
		}
	}
}

// of returns the order for a host. If several faults name one address, the first counts; faults for "*", all addresses,
// come last.
func (f *InForce) of(from string, hosts []deploy.Host) *nodepb.SetFaultsRequest {
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
		q.Paused = q.Paused || d.Paused && d.From[from]
		q.TelemetryHeld = q.TelemetryHeld || d.Held && d.From[from]
	}
	return q
}

// between combines the faults of one host's calls to another that go beyond base. It returns nil if there are none.
func (f *InForce) between(from, to string, base *nodepb.Fault) (fault *nodepb.Fault) {
	for _, d := range f.active {
		if !d.concerns(from, to) {
			continue
		}
		if fault == nil {
			fault = proto.CloneOf(base)
			fault.Address = to
		}
		fault.Cut = fault.Cut || d.Partition
		fault.LatencyMicros += d.Latency.Microseconds()
	}
	return fault
}
