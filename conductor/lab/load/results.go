package load

import (
	"context"
	"slices"
	"sync/atomic"
)

// Verdict returns the oracle's present verdict.
func (d *Driver) Verdict() Verdict { return d.oracle.Verdict() }

// Tick returns the counts since the last Tick.
func (d *Driver) Tick() Counts {
	d.stats.mu.Lock()
	defer d.stats.mu.Unlock()
	c := d.stats.second
	d.stats.second = Counts{}
	return c
}

// Phases returns a copy of the counts by phase number.
func (d *Driver) Phases() []*Counts {
	d.stats.mu.Lock()
	defer d.stats.mu.Unlock()
	out := make([]*Counts, len(d.stats.phases))
	for i, c := range d.stats.phases {
		kept := *c
		out[i] = &kept
	}
	return out
}

// Slowest returns the slowest lookups, then the slowest gets and puts; in each part the slowest comes first.
func (d *Driver) Slowest() []Slow {
	d.stats.mu.Lock()
	defer d.stats.mu.Unlock()
	return slices.Concat(d.stats.slow[1], d.stats.slow[0])
}

// sweepers is the number of concurrent reads of a sweep.
const sweepers = 32

// Sweep reads every key that was written, so that the verdict covers all of them and not only those that the load
// happened to read last. Its reads count only in the verdict. It must be called after Run has returned.
func (d *Driver) Sweep(ctx context.Context) error {
	var next atomic.Int64
	var left atomic.Int64
	left.Store(sweepers)
	done := d.runtime.NewSignal()
	for range sweepers {
		err := d.runtime.Go(ctx, func(ctx context.Context) {
			for i := next.Add(1) - 1; i < int64(d.cfg.Workload.Keys) && ctx.Err() == nil; i = next.Add(1) - 1 {
				d.sweep(ctx, int(i))
			}
			if left.Add(-1) == 0 {
				done.Set()
			}
		})
		if err != nil {
			return err
		}
	}
	return done.Wait(0)
}

func (d *Driver) sweep(ctx context.Context, key int) {
	promised := d.oracle.promised(key)
	if promised == 0 {
		return
	}
	o := operation{op: Get, key: key}
	for try := range uint64(tries) {
		store, ok := d.cfg.Pick(uint64(key)*tries + try)
		if ok {
			if _, _, err := d.call(ctx, store, o, promised); err == nil {
				return
			}
		}
		if d.runtime.Sleep(retryPause) != nil {
			return
		}
	}
	d.oracle.unanswered(key)
}
