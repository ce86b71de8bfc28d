package web

import (
	"context"
	"time"

	"chordconductor/conductor/sim"
	"chordconductor/conductor/sim/scenario"
	"chordconductor/node/chord"
	"chordconductor/node/nodepb"
)

// Control carries out commands on the ring; *sim.Lab is one. Its errors say what kind they are (sim.ErrUnknown and the
// others), or are the gRPC status of the host that was asked.
type Control interface {
	// AddNodes starts members: on hosts of their own, or all on the host named by its ID or address. After an error it
	// returns those that were started all the same.
	AddNodes(ctx context.Context, count int, host string) ([]chord.ID, error)
	// StopNode makes a member leave, or crash. It returns when that has begun.
	StopNode(ctx context.Context, id chord.ID, way sim.Departure) error
	// PauseNode makes a member deaf and mute for a time.
	PauseNode(ctx context.Context, id chord.ID, d time.Duration) error
	// Partition cuts groups of members off from each other; members in no group form one more. Heal undoes it.
	Partition(ctx context.Context, groups [][]chord.ID) ([]chord.ID, error)
	Heal(ctx context.Context) ([]chord.ID, error)
	// Faults lists what is in force of cuts, slow links, pauses and telemetry outages.
	Faults() []sim.Fault

	Put(ctx context.Context, key, value []byte, ttl time.Duration) (*nodepb.PutResponse, error)
	Get(ctx context.Context, key []byte) (*nodepb.GetResponse, error)
	Delete(ctx context.Context, key []byte) (*nodepb.DeleteResponse, error)
	// Lookup finds a key's owner, starting at a member, or anywhere if from is nil.
	Lookup(ctx context.Context, key []byte, from *chord.ID, mode string) (*nodepb.Lookup, error)

	// Workload is the load now; SetWorkload changes it while it runs.
	Workload() scenario.Workload
	SetWorkload(w scenario.Workload) error

	StartSimulation(s *scenario.Scenario) error
	StopSimulation(ctx context.Context) error
	Simulation() sim.State
	// Result is what the last simulation measured, so far if it still runs; nil if there was none.
	Result() *sim.Result
}
