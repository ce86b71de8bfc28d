package main

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/metric"

	"chordconductor/conductor/live"
	"chordconductor/conductor/memory"
	"chordconductor/conductor/ring"
	"chordconductor/otel/chordevent"
)

// maxMemoryHistory bounds the history in memory, however much memory there is: an hour of a ring of 1,000.
const maxMemoryHistory = 256 << 20

// recordPart is the divisor for the part of the memory, a fiftieth, that requests waiting to be written to the file of
// --record may take. This part is in no share of the budget: it is taken from the memory that the shares leave free.
const recordPart = 50

// budget returns the memory that the conductor may use: as --memory sets it, or else what the process has.
func (o *options) budget() (*memory.Budget, error) {
	if o.memory == "" {
		return memory.Default()
	}
	limit, err := memory.Parse(o.memory)
	if err != nil {
		return nil, fmt.Errorf("--memory %w", err)
	}
	return memory.New(limit, "--memory")
}

// enforceMemory begins to enforce the budget. It warns if the budget does not protect the process, and goes on: memory
// may be added later, or be swapped out.
func (c *conductor) enforceMemory() {
	c.memory.Enforce()
	if beyond := c.memory.Beyond(); beyond != "" {
		c.log.Warn(beyond)
	}
}

// viewWithin returns the configuration of a view that is bounded by its shares of the memory.
func viewWithin(b *memory.Budget) live.Config {
	return live.Config{
		Ring: ring.Options{MaxBytes: b.Fold.Limit()}, FoldMemory: b.Fold, QueueMemory: b.Events, FeedMemory: b.Feed, LookupMemory: b.Lookups,
	}
}

// historyBytes returns the bound of a history in memory; 0, the default bound, for one on disk.
func (c *conductor) historyBytes() int64 {
	if c.dataDir != "" {
		return 0
	}
	return min(c.memory.History.Limit(), maxMemoryHistory)
}

// memoryNow returns the budget, with the present usage of the parts that measure themselves.
func (c *conductor) memoryNow() *memory.Budget {
	if c.dataDir != "" {
		return c.memory // history and queues are on disk
	}
	c.memory.History.Set(c.past.Stats().Bytes)
	if c.ingest != nil {
		st := c.ingest.Stats()
		c.memory.Forward.Set(st.Traces.Memory + st.Metrics.Memory + st.Logs.Memory)
	}
	return c.memory
}

// instrumentMemory makes the metrics of the budget. Their values are read when the meter collects.
func instrumentMemory(meter metric.Meter, now func() *memory.Budget) error {
	if meter == nil {
		return nil
	}
	each := func(read func(memory.Usage) int64) metric.Int64Callback {
		return func(_ context.Context, o metric.Int64Observer) error {
			for _, u := range now().Usage() {
				o.Observe(read(u), metric.WithAttributes(chordevent.MemoryPartKey.String(u.Part)))
			}
			return nil
		}
	}
	if _, err := chordevent.ConductorMemory.Int64ObservableGauge(meter, each(func(u memory.Usage) int64 { return u.Used })); err != nil {
		return err
	}
	if _, err := chordevent.MemoryLimit.Int64ObservableGauge(meter, each(func(u memory.Usage) int64 { return u.Limit })); err != nil {
		return err
	}
	_, err := chordevent.MemoryShort.Int64ObservableCounter(meter, each(func(u memory.Usage) int64 { return int64(u.Refused) }))
	return err
}
