package kv

import (
	"time"

	"go.opentelemetry.io/otel/attribute"

	"chordconductor/internal/assertion"
	"chordconductor/node/chord"
)

// Config configures a Keeper. Space is required; zero values select the defaults named beside them.
type Config struct {
	Space chord.Space
	// Replicas is R, the number of distinct hosts that hold each key. Default 3.
	Replicas int
	// CallLimit is how long a peer may take to answer one call. Default 500 ms.
	CallLimit time.Duration
	// CallTries is the number of unanswered tries of a call after which a peer counts as dead.
	// Default 2.
	CallTries int
	// OperationLimit bounds a client operation, its retries included. Default 20 s.
	OperationLimit time.Duration
	// LeaveLimit is how long a member can be about to leave before it, and others, take it for one
	// that stays. Default 60 s.
	LeaveLimit time.Duration
	// SyncInterval is how often an owner compares its range with each replica when nothing has happened; jittered. Default
	// 10 s.
	SyncInterval time.Duration
	// TombstoneLifetime is the least time for which a deletion is stored. A member that is
	// partitioned for longer may bring deleted keys back. Default 10 min.
	TombstoneLifetime time.Duration
	// Implausible, if not nil, is called with the address of a peer and the reason when a number that the peer has sent is
	// refused as implausible. It must not block.
	Implausible func(address, text string)
	// Assertions counts invariants of the key side that do not hold. If it is nil, they are not
	// counted.
	Assertions *assertion.Counts
	// Attributes are set on every span.
	Attributes []attribute.KeyValue
}

func (c Config) withDefaults() Config {
	setDefault(&c.Replicas, 3)
	setDefault(&c.CallLimit, 500*time.Millisecond)
	setDefault(&c.CallTries, 2)
	setDefault(&c.OperationLimit, 20*time.Second)
	setDefault(&c.LeaveLimit, time.Minute)
	setDefault(&c.SyncInterval, 10*time.Second)
	setDefault(&c.TombstoneLifetime, 10*time.Minute)
	return c
}

func setDefault[T comparable](value *T, byDefault T) {
	var zero T
	if *value == zero {
		*value = byDefault
	}
}

const (
	// MaxKey and MaxValue bound what a client may store.
	MaxKey   = 1 << 10
	MaxValue = 1 << 20
)
