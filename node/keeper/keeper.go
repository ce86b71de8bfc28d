package keeper

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"chordconductor/node/chord"
	"chordconductor/node/env"
	"chordconductor/otel/chordevent"
)

// Config is how a keeper behaves. Space is required; zero values stand for the defaults named beside them.
type Config struct {
	Space chord.Space
	// Replicas is R, the number of distinct hosts that hold each key. Default 3.
	Replicas int
	// CallLimit is how long a peer may take to answer one call. Default 500 ms.
	CallLimit time.Duration
	// OperationLimit bounds a client operation, its retries included. Default 20 s.
	OperationLimit time.Duration
	// LeaveLimit bounds a graceful leave. Default 60 s.
	LeaveLimit time.Duration
	// SyncInterval is how often an owner compares its range with each holder of copies when nothing has happened;
	// jittered. Default 10 s.
	SyncInterval time.Duration
	// TombstoneLifetime is how long a deletion is remembered at least. Default 10 min.
	TombstoneLifetime time.Duration
}

// Errors of client operations. Each has a gRPC status.
var (
	ErrNotFound    = errors.New("no such key")
	ErrExhausted   = errors.New("memory limit reached")
	ErrInvalid     = errors.New("invalid argument")
	ErrUnavailable = errors.New("no owner reachable in time")
	// ErrLastHost is why the last host of a ring does not leave: nobody is there to take its keys.
	ErrLastHost = errors.New("the last host of the ring: nobody can take over its keys")
)

// Result is what a client operation did.
type Result struct {
	Owner   chord.Peer // who answered
	Version uint64
	Copies  int    // distinct hosts that hold the written version
	Value   []byte // of a get
}

// HostBudget is the memory limit that the members of one host share.
type HostBudget struct{ limit int64 }

// NewHostBudget limits the bytes that a host's records may take; 0: no limit.
func NewHostBudget(limit int64) *HostBudget { return &HostBudget{limit: limit} }

// Keeper is the key side of one member.
type Keeper struct{}

// New makes the keeper of a member. It starts its tasks with Founded or Joined.
func New(e env.Env, m Member, clock *Clock, budget *HostBudget, cfg Config, tracer trace.Tracer, meter metric.Meter) *Keeper {
	return &Keeper{}
}

// Owns reports whether the member is responsible for a point of the circle. It takes no lock.
func (k *Keeper) Owns(id chord.ID) bool { return false }

// Hint names the member that owns a point, as far as this one knows without being asked for proof.
func (k *Keeper) Hint(id chord.ID) (chord.Peer, bool) { return chord.Peer{}, false }

// Ownership is the member's ownership register, Load what it holds and has served.
func (k *Keeper) Ownership() chordevent.Ownership { return chordevent.Ownership{} }
func (k *Keeper) Load() chordevent.Load           { return chordevent.Load{} }

// Founded says that the member is the first of its ring and owns the whole circle.
func (k *Keeper) Founded(ctx context.Context) {}

// Joined says that the member has its place on the ring, be it anew. It claims its range.
func (k *Keeper) Joined(ctx context.Context) {}

// NeighborsChanged says that the member's pointers have changed.
func (k *Keeper) NeighborsChanged(ctx context.Context) {}

// PeerDied says that a life of a peer is over, as far as the member can tell.
func (k *Keeper) PeerDied(ctx context.Context, p chord.Peer) {}

// Leave hands everything over before the member leaves the ring. On an error the member stays.
func (k *Keeper) Leave(ctx context.Context) error { return nil }

// Put, Get and Delete are client operations. The value must not be changed afterwards.
func (k *Keeper) Put(ctx context.Context, key, value []byte, ttl time.Duration) (Result, error) {
	return Result{}, ErrUnavailable
}

// Get reads a key.
func (k *Keeper) Get(ctx context.Context, key []byte) (Result, error) {
	return Result{}, ErrUnavailable
}

// Delete removes a key; a key that is not there is no error.
func (k *Keeper) Delete(ctx context.Context, key []byte) (Result, error) {
	return Result{}, ErrUnavailable
}

