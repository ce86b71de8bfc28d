package web

import (
	"context"
	"time"

	"chordconductor/conductor/lab/deploy"
	"chordconductor/conductor/lab/deploy/faults"
	"chordconductor/conductor/lab/result"
	"chordconductor/conductor/lab/scenario"
	"chordconductor/node/chord"
	"chordconductor/node/wire"
)

// Control carries out commands on the ring; *controller.Controller implements it. Its errors wrap their kind
// (deploy.ErrUnknown and the others), or are the gRPC status of a host.
type Control interface {
	// AddNodes starts members: each on a host of its own, or all on the host with the given ID or address. After an
	// error it returns the members that were started before the error.
	AddNodes(ctx context.Context, count int, host string) ([]chord.ID, error)
	// StopNode makes a member leave or crash. It returns when that has begun.
	StopNode(ctx context.Context, id chord.ID, way deploy.Departure) error
	// PauseNode makes a member's host drop all traffic for a time.
	PauseNode(ctx context.Context, id chord.ID, d time.Duration) error
	// Partition separates groups of members from each other; members in no group form one more group. Heal ends the
	// partition.
	Partition(ctx context.Context, groups [][]chord.ID) ([]chord.ID, error)
	Heal(ctx context.Context) ([]chord.ID, error)
	// Faults lists the partitions, slow links, pauses and telemetry outages in force.
	Faults() []faults.Listed

	Put(ctx context.Context, key, value []byte, ttl time.Duration) (wire.Written, error)
	Get(ctx context.Context, key []byte) (wire.Got, error)
	Delete(ctx context.Context, key []byte) (wire.Written, error)
	// Lookup finds a key's owner, starting at a member, or anywhere if from is nil.
	Lookup(ctx context.Context, key []byte, from *chord.ID, mode string) (*wire.Lookup, error)

	// Workload returns the present workload; SetWorkload changes it while it runs.
	Workload() scenario.Workload
	SetWorkload(w scenario.Workload) error

	StartSimulation(s *scenario.Scenario) error
	StopSimulation(ctx context.Context) error
	Simulation() result.State
	// Result returns the measurements of the last simulation; of a simulation that still runs, those so far. It returns
	// nil if there was none.
	Result() *result.Result
}
