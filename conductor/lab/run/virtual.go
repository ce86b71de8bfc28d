package run

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"

	"chordconductor/conductor/lab/deploy"
	"chordconductor/conductor/lab/deploy/faults"
	"chordconductor/conductor/lab/deploy/local"
	"chordconductor/conductor/lab/judge"
	"chordconductor/conductor/lab/result"
	"chordconductor/conductor/lab/scenario"
	"chordconductor/conductor/ring"
	"chordconductor/node/simenv"
	"chordconductor/otel"
	"chordconductor/otel/chordevent"
)

const (
	// exportDelay is how long an event takes from its member to the view in virtual time: the exporters' interval.
	exportDelay = 100 * time.Millisecond
	// advanceEvery is the interval at which the fold's clock is advanced.
	advanceEvery = 200 * time.Millisecond
	// showEvery is the time, virtual, between two looks at the progress.
	showEvery = time.Second
	// drainLimit bounds what follows a scenario's end: operations under way, the sweep, the last judgements.
	drainLimit = 10 * time.Minute
)

// ErrInterrupted is the error of a run that was ended from outside.
var ErrInterrupted = errors.New("interrupted")

// Virtual runs a scenario in virtual time: the same members, the same workload and judgement, on a simulated clock
// and network. One seed is one run, tapped or not. show is called with the progress, unless it is nil.
func Virtual(ctx context.Context, s *scenario.Scenario, tap Tap, show func(result.State, *ring.View)) (*result.Result, error) {
	world := local.World(s, time.Time{})
	defer world.Close()
	watch := judge.NewWatch()
	fold := &virtualFold{world: world, ring: ring.New(ring.Options{Base: s.Timing.Stabilize}), watch: watch}
	random := rand.New(rand.NewPCG(s.Seed, 0x7e1e))
	telemetry, err := otel.Memory(otel.MemoryConfig{
		Ring: deploy.RingName, Instance: "virtual", Random: random.Uint64, Now: world.Now, Sink: tap.BeforeLogs(fold.receive), Spans: tap.BeforeSpans(watch.Spans),
	})
	if err != nil {
		return nil, err
	}
	fleet, host, err := local.InWorld(s, world, telemetry)
	if err != nil {
		return nil, err
	}
	here := faults.On(&deploy.Deployment{Fleet: fleet, Runtime: host})
	if err := host.Go(ctx, here.Renew); err != nil {
		return nil, err
	}
	sim := New(s, here, Sources{View: fold.view, Watch: watch})
	sim.virtual = true
	fold.advance()
	if err := sim.Begin(ctx); err != nil {
		return nil, err
	}
	for !sim.Over() {
		if ctx.Err() != nil {
			return sim.Result(), ErrInterrupted
		}
		if world.Elapsed() > s.Duration+drainLimit {
			return sim.Result(), errors.New("the scenario did not reach its end")
		}
		world.Run(showEvery)
		if show != nil {
			st := result.State{}
			sim.Report(&st)
			show(st, fold.view())
		}
	}
	return sim.Result(), nil
}

// virtualFold is the ring view of a run in virtual time. Events reach it as over OTLP: encoded, as the Collector's
// data, decoded, and later.
type virtualFold struct {
	world *simenv.World
	ring  *ring.Ring
	watch *judge.Watch
	last  *ring.View // nil: out of date
}

// receive takes a member's events. What cannot be decoded is lost here as it would be there.
func (f *virtualFold) receive(data plog.Logs) {
	f.world.At(exportDelay, func() {
		now := f.world.Now()
		for _, rl := range data.ResourceLogs().All() {
			source := chordevent.SourceOf(rl.Resource())
			for _, sl := range rl.ScopeLogs().All() {
				for _, record := range sl.LogRecords().All() {
					if ev, _, err := chordevent.Decode(source, record); err == nil {
						f.ring.Apply(&ev, now)
						f.watch.Append(&ev, now)
					}
				}
			}
		}
		f.last = nil
	})
}

// advance advances the fold's clock, at intervals.
func (f *virtualFold) advance() {
	f.world.At(advanceEvery, func() {
		f.ring.Advance(f.world.Now())
		f.last = nil
		f.advance()
	})
}

func (f *virtualFold) view() *ring.View {
	if f.last == nil {
		f.last = f.ring.View()
	}
	return f.last
}
