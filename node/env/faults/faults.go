package faults

import (
	"context"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"chordconductor/internal/duration"
	"chordconductor/node/env"
	"chordconductor/node/nodepb"
)

// All is the address that stands for every other host.
const All = "*"

// A Rule describes the fault of messages to one address. The rule for an address takes precedence
// over the one for All.
type Rule struct {
	Address string // or All
	Cut     bool
	Loss    float64 // share of the messages that are lost, from 0 to 1

	// Delays of each message, in addition to the network's own. They add up.
	Latency     time.Duration
	Jitter      time.Duration // uniform from 0 to this
	Exponential time.Duration // exponential with this mean
}

// delay returns a random delay for one message.
func (l *Layer) delay(r Rule) time.Duration {
	d := r.Latency
	if r.Jitter > 0 {
		d += time.Duration(l.Env.Uint64() % uint64(r.Jitter+1))
	}
	if r.Exponential > 0 {
		d += time.Duration(-math.Log(1-l.chance()) * float64(r.Exponential))
	}
	return d
}

// chance returns a random number from 0 (included) to 1 (excluded).
func (l *Layer) chance() float64 { return float64(l.Env.Uint64()>>11) / (1 << 53) }

// A Layer is an environment with faults. Its methods may be called from any goroutine.
type Layer struct {
	env.Env
	self   string
	rules  atomic.Pointer[map[string]Rule] // replaced whole, never iterated
	paused atomic.Bool
}

// New returns a layer without faults over the environment of the host at the address self.
func New(e env.Env, self string) *Layer {
	l := &Layer{Env: e, self: self}
	l.rules.Store(&map[string]Rule{})
	return l
}

const (
	maxRules = 100_000
	maxDelay = time.Hour // a host that answers later than this is partitioned, not slow
)

// Set replaces all rules. An empty list clears all faults.
func (l *Layer) Set(rules []Rule) error {
	if len(rules) > maxRules {
		return fmt.Errorf("expected at most %d fault rules, got %d", maxRules, len(rules))
	}
	byAddress := make(map[string]Rule, len(rules))
	for i, r := range rules {
		if r.Address == "" || min(r.Latency, r.Jitter, r.Exponential) < 0 || max(r.Latency, r.Jitter, r.Exponential) > maxDelay || !(r.Loss >= 0 && r.Loss <= 1) {
			return fmt.Errorf("fault rule %d: needs an address, delays from 0 to %s, and a loss from 0 to 1", i, duration.Text(maxDelay))
		}
		byAddress[r.Address] = r
	}
	l.rules.Store(&byAddress)
	return nil
}

// Pause stops the host without ending it: its tasks do not run, its messages are not sent, and it
// answers no calls. Other hosts take it for dead. Resume lets it continue where it was, with its
// outdated state.
func (l *Layer) Pause()  { l.paused.Store(true) }
func (l *Layer) Resume() { l.paused.Store(false) }

// pauseStep is the interval at which a paused task checks whether it may run.
const pauseStep = 10 * time.Millisecond

func (l *Layer) waitResume() error {
	for l.paused.Load() {
		if err := l.Env.Sleep(pauseStep); err != nil {
			return err
		}
	}
	return nil
}

func (l *Layer) rule(addr string) Rule {
	rules := *l.rules.Load()
	if addr == l.self || len(rules) == 0 {
		return Rule{}
	}
	if r, ok := rules[addr]; ok {
		return r
	}
	return rules[All]
}

// lost decides at random whether a message is lost.
func (l *Layer) lost(r Rule) bool {
	return r.Cut || r.Loss > 0 && l.chance() < r.Loss
}

// Sleep implements env.Env.
func (l *Layer) Sleep(d time.Duration) error {
	if err := l.Env.Sleep(d); err != nil {
		return err
	}
	return l.waitResume()
}

// NewSignal implements env.Env.
func (l *Layer) NewSignal() env.Signal { return signal{l.Env.NewSignal(), l} }

type signal struct {
	env.Signal
	layer *Layer
}

func (s signal) Wait(limit time.Duration) error {
	err := s.Signal.Wait(limit)
	if paused := s.layer.waitResume(); paused != nil {
		return paused
	}
	return err
}

// errLost is sent in place of an answer that a fault at the answering side drops; the layer at the
// calling side then lets the call time out.
var errLost = status.Error(codes.DataLoss, "answer lost: injected fault")

// Conn implements env.Env: calls go through the layer.
func (l *Layer) Conn(addr string, limit time.Duration) grpc.ClientConnInterface {
	return env.Call(func(ctx context.Context, method string, request, answer any) error {
		return l.call(ctx, addr, limit, method, request, answer)
	})
}

// call sends a request under the rule for its address and receives the answer.
func (l *Layer) call(ctx context.Context, addr string, left time.Duration, method string, request, answer any) error {
	if err := l.waitResume(); err != nil {
		return err
	}
	silence := func() error {
		if err := l.Sleep(left); err != nil {
			return err
		}
		return env.ErrTimeout
	}
	r := l.rule(addr)
	delay := l.delay(r)
	if l.lost(r) || delay >= left {
		return silence()
	}
	if delay > 0 {
		if err := l.Env.Sleep(delay); err != nil {
			return err
		}
		left -= delay
	}
	sent := l.Env.Now()
	err := l.Env.Conn(addr, left).Invoke(ctx, method, request, answer)
	if status.Code(err) == codes.DataLoss {
		if left -= l.Env.Now().Sub(sent); left > 0 {
			return silence()
		}
		return env.ErrTimeout
	}
	if paused := l.waitResume(); paused != nil {
		return paused
	}
	return err
}

// Serve is the interceptor of the host's own services: members answer through the layer, under the
// rule for the caller's address. Services that members do not call are not affected.
func (l *Layer) Serve(ctx context.Context, request any, _ *grpc.UnaryServerInfo, service grpc.UnaryHandler) (any, error) {
	members, ok := request.(interface{ GetCall() *nodepb.Call })
	if !ok {
		return service(ctx, request)
	}
	if err := l.waitResume(); err != nil {
		return nil, err
	}
	answer, err := service(ctx, request)
	r := l.rule(members.GetCall().GetFrom().GetAddress())
	if l.lost(r) {
		return nil, errLost
	}
	if delay := l.delay(r); delay > 0 {
		if err := l.Env.Sleep(delay); err != nil {
			return nil, err
		}
	}
	if paused := l.waitResume(); paused != nil {
		return nil, paused
	}
	return answer, err
}
