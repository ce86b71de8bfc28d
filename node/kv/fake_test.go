package kv

import (
	"context"
	"slices"
	"testing"
	"time"

	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"chordconductor/internal/assertion"
	"chordconductor/node/chord"
	"chordconductor/node/env"
	"chordconductor/node/kv/hlc"
	"chordconductor/node/kv/terms"
	"chordconductor/node/nodepb"
	"chordconductor/node/wire"
	"chordconductor/otel/chordevent"
)

// A fakeWorld connects Keepers by plain function calls. Its clock stands unless a test moves it, and its tasks run at
// once, to their end. So it serves tests that need no more than calls; whole rings run in node/simtest.
type fakeWorld struct {
	now     time.Time
	random  uint64
	keepers map[string]*Keeper
	others  map[string]nodepb.KeysServer // in place of the Keepers at these addresses
	older   map[string]bool              // addresses of members that speak version 1
	calls   int
	bytes   int
}

func newFakeWorld() *fakeWorld {
	return &fakeWorld{now: time.Unix(1_000_000, 0), keepers: map[string]*Keeper{}, others: map[string]nodepb.KeysServer{}}
}

func (w *fakeWorld) Now() time.Time            { return w.now }
func (w *fakeWorld) Wall() time.Time           { return w.now }
func (w *fakeWorld) Sleep(time.Duration) error { return env.ErrStopped }
func (w *fakeWorld) Uint64() uint64            { w.random++; return w.random * 0x9e3779b97f4a7c15 }
func (w *fakeWorld) NewSignal() env.Signal     { return fakeSignal{} }
func (w *fakeWorld) Go(ctx context.Context, task func(context.Context)) error {
	task(ctx)
	return nil
}

func (w *fakeWorld) Conn(addr string, _ time.Duration) grpc.ClientConnInterface {
	return env.Call(func(ctx context.Context, method string, request, answer any) error {
		var service nodepb.KeysServer
		switch {
		case w.others[addr] != nil:
			service = w.others[addr]
		case w.keepers[addr] == nil:
			service = nowhere{}
		case w.older[addr]:
			service = olderKeys{w.keepers[addr]}
		default:
			service = w.keepers[addr]
		}
		received, err := env.NewServices(nodepb.UnimplementedRingServer{}, service, nil).Answer(ctx, method, request)
		if w.keepers[addr] != nil {
			w.calls++
			w.bytes += proto.Size(request.(proto.Message))
		}
		if err != nil {
			return err
		}
		env.Share(answer, received)
		if w.keepers[addr] != nil {
			w.bytes += proto.Size(answer.(proto.Message))
		}
		return nil
	})
}

type fakeSignal struct{}

func (fakeSignal) Set()                     {}
func (fakeSignal) Wait(time.Duration) error { return nil }

// nowhere is an address without a member.
type nowhere struct{ nodepb.UnimplementedKeysServer }

func (nowhere) Survey(context.Context, *nodepb.SurveyRequest) (*nodepb.SurveyResponse, error) {
	return nil, env.ErrTimeout
}

func (nowhere) Compare(context.Context, *nodepb.CompareRequest) (*nodepb.CompareResponse, error) {
	return nil, env.ErrTimeout
}

func (nowhere) Fetch(context.Context, *nodepb.FetchRequest) (*nodepb.FetchResponse, error) {
	return nil, env.ErrTimeout
}

func (nowhere) Replicate(context.Context, *nodepb.ReplicateRequest) (*nodepb.ReplicateResponse, error) {
	return nil, env.ErrTimeout
}

// fakeMember is a member with the pointers that a test gives it.
type fakeMember struct {
	self      chord.Peer
	clock     *hlc.Clock
	state     chord.State
	known     []chord.Peer
	joinHosts []chord.Peer              // hosts to join through that it has not reached
	lost      bool                      // it searches for its ring
	lookup    func(chord.ID) chord.Peer // nil: it finds itself
	keeper    *Keeper                   // receives failures, if given
	failed    []chord.Peer
	events    []chordevent.Body
}

func (m *fakeMember) Self() chord.Peer   { return m.self }
func (m *fakeMember) State() chord.State { return m.state }
func (m *fakeMember) Call(to chord.Peer) *nodepb.Call {
	return &nodepb.Call{Target: to.ID[:], From: wire.Peer(m.self), Clock: m.clock.Now(), Version: 2}
}
func (m *fakeMember) Reply() *nodepb.Reply {
	return &nodepb.Reply{Status: nodepb.Reply_STATUS_OK, Self: wire.Peer(m.self), Clock: m.clock.Now(), Version: 2}
}
func (m *fakeMember) Received(chord.Peer, *nodepb.Reply) error { return nil }
func (m *fakeMember) LookupWithin(ctx context.Context, id chord.ID, _ time.Duration) (chord.Peer, error) {
	return m.Lookup(ctx, id)
}

func (m *fakeMember) Lookup(_ context.Context, id chord.ID) (chord.Peer, error) {
	if m.lookup != nil {
		return m.lookup(id), nil
	}
	return m.self, nil
}
func (m *fakeMember) Hosts() []chord.Peer {
	return chord.Hosts(nil, m.self, 100, m.state.Live())
}
func (m *fakeMember) HostOwns() bool      { return false }
func (m *fakeMember) Known() []chord.Peer { return m.known }
func (m *fakeMember) Acquaint(context.Context) error {
	m.known = append(m.known, m.joinHosts...)
	m.joinHosts = nil
	return nil
}
func (m *fakeMember) Alone() bool { return !m.lost && len(m.state.Live()) == 0 }
func (m *fakeMember) PeerFailed(ctx context.Context, p chord.Peer, _ string) {
	m.failed = append(m.failed, p)
	if m.keeper != nil {
		m.keeper.PeerDied(ctx, p)
	}
}
func (m *fakeMember) Emit(_ context.Context, body chordevent.Body) { m.events = append(m.events, body) }

// add makes a Keeper that owns a range (or nothing, for epoch 0), with the given successors.
func (w *fakeWorld) add(t testing.TB, own terms.Ownership, cfg Config, successors ...chord.Peer) (*Keeper, *fakeMember) {
	t.Helper()
	m := &fakeMember{self: own.Owner, clock: hlc.NewClock(w.Now)}
	m.state = chord.State{Self: own.Owner, Succ: successors}
	given := slices.Clone(successors)
	t.Cleanup(func() { // the list is shared with every reader of the member's state
		if !slices.Equal(successors, given) {
			t.Errorf("the key side of %s has changed the member's successor list from %v to %v", own.Owner.Addr, given, successors)
		}
	})
	if cfg.Assertions == nil {
		cfg.Assertions = &assertion.Counts{Print: func(line string) { t.Error(line) }}
	}
	k := New(w, m, m.clock, NewHostBudget(0), cfg, tracenoop.NewTracerProvider().Tracer(""), metricnoop.NewMeterProvider().Meter(""))
	if own.Epoch > 0 {
		k.setRegister(&own)
	}
	k.NeighborsChanged(t.Context())
	w.keepers[own.Owner.Addr] = k
	return k, m
}
