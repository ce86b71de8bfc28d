package member

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"chordconductor/node/chord"
	"chordconductor/node/kv"
	"chordconductor/node/nodepb"
	"chordconductor/otel/chordevent"
)

// Keys is a member's key side, which decides what the member owns. node/kv implements it. All
// methods may be called from any task. Only the client operations, Room, Lonely and Leave may
// block.
type Keys interface {
	nodepb.KeysServer
	// Owns reports whether the member is responsible for a key now.
	Owns(id chord.ID) bool
	Ownership() chordevent.Ownership
	Load() chordevent.Load
	// Put, Get and Delete are a client's operations, whichever member owns the key. They may block,
	// too.
	Put(ctx context.Context, key, value []byte, ttl time.Duration) (kv.Result, error)
	Get(ctx context.Context, key []byte) (kv.Result, error)
	Delete(ctx context.Context, key []byte) (kv.Result, error)
	// Founded follows the founding of a ring by the member. Joined follows its join: it has its
	// first pointers, and claims its range.
	Founded(ctx context.Context)
	Joined(ctx context.Context)
	// NeighborsChanged follows every change of predecessor or successor list.
	NeighborsChanged(ctx context.Context)
	// HostsChanged follows every change of the host list alone.
	HostsChanged()
	PeerDied(ctx context.Context, p chord.Peer)
	// PeerLeft follows a peer's graceful leave.
	PeerLeft(p chord.Peer)
	// Leaving follows the start of the member's leave, and its cancellation.
	Leaving(ctx context.Context, leaving bool)
	// Room returns the reason why the member that would receive the range cannot do so, if it lacks
	// memory.
	Room(ctx context.Context) error
	// Lonely returns kv.ErrLastHost if no member stays that could take over the range.
	Lonely(ctx context.Context) error
	// Leave hands off all keys by the deadline. It returns the member that has received the range,
	// if the member had one.
	Leave(ctx context.Context, deadline time.Time) (receiver chord.Peer, err error)
}

var _ Keys = (*kv.Keeper)(nil)

func (m *Member) newKeys() Keys {
	if m.host.cfg.RingOnly {
		return &pointerKeys{m: m}
	}
	cfg, in := &m.host.cfg, m.host.in
	return kv.New(m.env, m, m.host.clock, m.host.budget, kv.Config{
		Space: m.host.space, Replicas: cfg.Replicas, CallLimit: cfg.CallLimit, CallTries: cfg.CallTries,
		OperationLimit: 2 * cfg.LookupLimit, LeaveLimit: cfg.LeaveLimit, Implausible: cfg.Implausible, Assertions: in.broken,
		Attributes: []attribute.KeyValue{chordevent.NodeIDKey.String(m.hex), chordevent.HostIDKey.String(cfg.HostID)},
	}, in.tracer, in.meter)
}

// Reply returns the header of an answer of the key side.
func (m *Member) Reply() *nodepb.Reply { return m.reply(m.standing()) }

// pointerKeys is the key side of a ring without keys: a member owns the range between its
// predecessor and itself. It is for the ring's own tests and experiments.
type pointerKeys struct {
	nodepb.UnimplementedKeysServer
	m *Member

	mu  sync.Mutex
	now chordevent.Ownership // guarded by mu
}

func (k *pointerKeys) Owns(id chord.ID) bool {
	s := k.m.State()
	switch {
	case s.Pred.Real():
		return chord.Owns(s.Pred.ID, id, s.Self.ID)
	case len(s.Live()) == 0:
		return true
	}
	return id == s.Self.ID
}

func (k *pointerKeys) Ownership() chordevent.Ownership {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.now
}

func (k *pointerKeys) NeighborsChanged(ctx context.Context) {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.m.State()
	from := s.Self.ID
	if s.Pred.Real() {
		from = s.Pred.ID
	}
	owns := s.Pred.Real() || len(s.Live()) == 0
	if k.now.Owns == owns && k.now.From == from {
		return
	}
	k.now = chordevent.Ownership{Owns: owns, From: from, Epoch: k.now.Epoch + 1}
	k.m.Emit(ctx, chordevent.OwnershipChanged{Ownership: k.now})
}

func (k *pointerKeys) Put(context.Context, []byte, []byte, time.Duration) (kv.Result, error) {
	return kv.Result{}, kv.ErrNoKeys
}
func (k *pointerKeys) Get(context.Context, []byte) (kv.Result, error) {
	return kv.Result{}, kv.ErrNoKeys
}
func (k *pointerKeys) Delete(context.Context, []byte) (kv.Result, error) {
	return kv.Result{}, kv.ErrNoKeys
}

func (k *pointerKeys) Load() chordevent.Load                { return chordevent.Load{} }
func (k *pointerKeys) Founded(ctx context.Context)          { k.NeighborsChanged(ctx) }
func (k *pointerKeys) Joined(ctx context.Context)           { k.NeighborsChanged(ctx) }
func (k *pointerKeys) HostsChanged()                        {}
func (k *pointerKeys) PeerDied(context.Context, chord.Peer) {}
func (k *pointerKeys) PeerLeft(chord.Peer)                  {}
func (k *pointerKeys) Leaving(context.Context, bool)        {}
func (k *pointerKeys) Room(context.Context) error           { return nil }
func (k *pointerKeys) Lonely(context.Context) error         { return nil }
func (k *pointerKeys) Leave(context.Context, time.Time) (chord.Peer, error) {
	return chord.Peer{}, nil
}
