package service

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"chordconductor/internal/duration"
	"chordconductor/node/env"
	"chordconductor/node/env/faults"
	"chordconductor/node/hostauth"
	"chordconductor/node/member"
	"chordconductor/node/nodepb"
)

const maxLease = 24 * time.Hour // longest lease of faults

// Control executes a controller's commands on a host. It implements nodepb.HostServer.
type Control struct {
	host   *member.Host
	env    env.Env
	faults *faults.Layer
	gate   Gate
	auth   *hostauth.Host // nil without a token: then only callers on loopback may command

	mu     sync.Mutex // held while faults are set, so that the end of a lease clears only the faults set with it
	orders uint64     // guarded by mu: number of times that faults were set
}

// A Gate holds a host's events back. Hold reports whether it has just released them. *otel.HoldGate
// implements it.
type Gate interface{ Hold(held bool) (opened bool) }

// NewControl returns the service of a host. g is nil if there is no telemetry to hold back. With a
// token, commands must be signed; without one only callers on loopback are accepted. e must be the
// environment below the fault layer, so that a paused host still accepts commands.
func NewControl(h *member.Host, e env.Env, f *faults.Layer, g Gate, token string) *Control {
	c := &Control{host: h, env: e, faults: f, gate: g}
	if token != "" {
		instance := fmt.Sprintf("%016x%016x", e.Uint64(), e.Uint64())
		c.auth = hostauth.NewHost(token, h.Address(), instance, e.Now, e.Uint64)
	}
	return c
}

func (c *Control) startMembers(ctx context.Context, q *nodepb.StartMembersRequest) (*nodepb.StartMembersResponse, error) {
	if q.Count < 1 || q.Count > member.MaxVirtualNodes {
		return nil, status.Errorf(codes.InvalidArgument, "count %d: must be from 1 to %d", q.Count, member.MaxVirtualNodes)
	}
	started, err := c.host.Start(int(q.Count))
	if errors.Is(err, member.ErrTooMany) {
		return nil, status.Error(codes.FailedPrecondition, err.Error())
	}
	if err != nil {
		return nil, toStatus(err)
	}
	answer := &nodepb.StartMembersResponse{}
	for _, m := range started {
		answer.Members = append(answer.Members, peerToWire(m.Self()))
	}
	return answer, nil
}

// setFaults replaces the host's faults until the lease ends.
func (c *Control) setFaults(ctx context.Context, q *nodepb.SetFaultsRequest) (*nodepb.SetFaultsResponse, error) {
	if q.LeaseMillis < 0 || q.LeaseMillis > maxLease.Milliseconds() {
		return nil, status.Errorf(codes.InvalidArgument, "a lease of %d ms: must be from 0 (no end) to %s", q.LeaseMillis, duration.Text(maxLease))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.inflict(q); err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	c.orders++
	if order := c.orders; q.LeaseMillis > 0 {
		return &nodepb.SetFaultsResponse{}, toStatus(c.env.Go(context.WithoutCancel(ctx), func(context.Context) {
			if c.env.Sleep(time.Duration(q.LeaseMillis)*time.Millisecond) == nil {
				c.expire(order)
			}
		}))
	}
	return &nodepb.SetFaultsResponse{}, nil
}

// expire clears all faults, unless others have been set since the given order.
func (c *Control) expire(order uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.orders == order {
		_ = c.inflict(&nodepb.SetFaultsRequest{}) // no faults: cannot fail
	}
}

// inflict sets a request's faults on the host. If the request is invalid it sets none. The caller
// holds c.mu.
func (c *Control) inflict(q *nodepb.SetFaultsRequest) error {
	if err := Inflict(c.faults, q); err != nil {
		return err
	}
	if c.gate != nil && c.gate.Hold(q.GetTelemetryHeld()) {
		c.host.Recovered()
	}
	return nil
}

// Inflict sets a request's message faults and pauses on a fault layer. If the request is invalid it
// sets none.
func Inflict(layer *faults.Layer, q *nodepb.SetFaultsRequest) error {
	micros := func(n int64) time.Duration { // an overflow counts as too long, and is refused as such
		return time.Duration(max(-1, min(n, math.MaxInt64/int64(time.Microsecond)))) * time.Microsecond
	}
	rules := make([]faults.Rule, len(q.GetFaults()))
	for i, f := range q.GetFaults() {
		rules[i] = faults.Rule{
			Address: f.GetAddress(), Cut: f.GetCut(), Loss: f.GetLoss(), Latency: micros(f.GetLatencyMicros()),
			Jitter: micros(f.GetJitterMicros()), Exponential: micros(f.GetExponentialMicros()),
		}
	}
	if err := layer.Set(rules); err != nil {
		return err
	}
	if q.GetPaused() {
		layer.Pause()
	} else {
		layer.Resume()
	}
	return nil
}
