package run

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"chordconductor/conductor/lab/deploy"
	"chordconductor/conductor/lab/deploy/faults"
	"chordconductor/conductor/lab/deploy/local"
	"chordconductor/conductor/lab/judge"
	"chordconductor/conductor/lab/result"
	"chordconductor/conductor/lab/scenario"
	"chordconductor/conductor/live"
	"chordconductor/conductor/lookups"
	"chordconductor/conductor/ring"
	"chordconductor/node/simenv"
	"chordconductor/otel"
	"chordconductor/otel/chordevent"
)

const (
	// exportDelay is how long telemetry takes from its member to the view in virtual time: the exporters' interval.
	exportDelay = 100 * time.Millisecond
	// showEvery is the virtual time between two reports of the progress.
	showEvery = time.Second
	// drainLimit bounds the time for the work after a scenario's end: operations under way, the sweep, the last
	// verdicts.
	drainLimit = 10 * time.Minute
	// endLimit bounds the wait, by the wall clock, for the tasks of a ring that ends.
	endLimit = 2 * time.Second
)

// ErrInterrupted is the error of a run that was ended from outside.
var ErrInterrupted = errors.New("interrupted")

// A World is a simulated world and the conductor's ring view on the world's clock. Rings are made in the world, one
// after the other, and their telemetry reaches the view.
type World struct {
	*local.World
	View  *live.Live
	watch *judge.Watch
	tap   Tap
	entry *simenv.Host // where tasks from outside the world begin
}

// OpenWorld makes a world for a scenario's ring, and the view, with watch as one of its recorders. The world's clock
// replaces the clock in the configuration view.
func OpenWorld(s *scenario.Scenario, view live.Config, watch *judge.Watch, tap Tap) (*World, error) {
	w := &World{World: local.OpenWorld(s, time.Time{}), watch: watch, tap: tap}
	view.World = w.World
	var err error
	if w.View, err = live.New(view); err != nil {
		return nil, err
	}
	if w.entry, err = w.Host("conductor"); err != nil {
		return nil, err
	}
	w.View.Follow()
	return w, nil
}

// ViewOf returns the configuration of a view without bounds: what a simulation shows and measures must not depend on
// the machine's memory. The view is as large as the ring of the scenario.
func ViewOf(s *scenario.Scenario) live.Config {
	return live.Config{Ring: ring.Options{Base: s.Timing.Stabilize}}
}

// Sources returns the sources of a simulation on a ring of the world.
func (w *World) Sources() Sources {
	return Sources{View: w.View.View, Refresh: w.View.Refresh, Watch: w.watch}
}

// deploy makes a scenario's ring, without hosts yet. It must be called within the world.
func (w *World) deploy(s *scenario.Scenario) (*deploy.Deployment, error) {
	random := rand.New(rand.NewPCG(s.Seed, 0x7e1e))
	telemetry, err := otel.Memory(otel.MemoryConfig{
		Ring: deploy.RingName, Instance: "virtual", Random: random.Uint64, Now: w.Now,
		Sink: w.tap.BeforeLogs(w.logs), Spans: w.tap.BeforeSpans(w.spans),
	})
	if err != nil {
		return nil, err
	}
	fleet, host, err := w.Ring(s, telemetry)
	if err != nil {
		return nil, err
	}
	return &deploy.Deployment{
		Fleet: fleet, Runtime: host, Virtual: true,
		Do: func(ctx context.Context, task func(context.Context)) error { return w.Do(ctx, host, task) },
		End: func() {
			ctx, cancel := context.WithTimeout(context.Background(), endLimit)
			defer cancel()
			_ = w.Do(ctx, w.entry, func(context.Context) { host.Crash() }) // a world that is not paced any more has no tasks that run
		},
	}, nil
}

// Deploy makes a scenario's ring, without hosts yet, while another goroutine paces the world.
func (w *World) Deploy(ctx context.Context, s *scenario.Scenario) (*deploy.Deployment, error) {
	type made struct {
		ring *deploy.Deployment
		err  error
	}
	done := make(chan made, 1)
	if err := w.Do(ctx, w.entry, func(context.Context) {
		d, err := w.deploy(s)
		done <- made{d, err}
	}); err != nil {
		return nil, err
	}
	m := <-done
	return m.ring, m.err
}

// logs passes a member's events to the view, in the way that OTLP would: encoded, converted to the Collector's data,
// decoded, and with a delay. Events that cannot be decoded are lost, as they would be over OTLP.
func (w *World) logs(data plog.Logs) {
	w.At(exportDelay, func() { _ = w.View.Offer(chordevent.DecodeLogs(data), w.Now()) }) // the queue is never full: a view in a world folds immediately
}

// spans passes spans to their recorders, and the spans of lookups to the view.
func (w *World) spans(data ptrace.Traces) {
	w.watch.Spans(data)
	spans, _ := lookups.Decode(data)
	if len(spans) > 0 {
		w.At(exportDelay, func() { w.View.OfferSpans(spans, nil) })
	}
}

// Virtual runs a scenario in virtual time: the same members, workload, view and verdicts, on a simulated clock and
// network. Two runs with one seed are the same, with a tap or without. show, unless it is nil, is called with the
// progress.
func Virtual(ctx context.Context, s *scenario.Scenario, tap Tap, show func(result.State, *ring.View)) (*result.Result, error) {
	watch := judge.NewWatch()
	view := ViewOf(s)
	view.Recorder = watch
	w, err := OpenWorld(s, view, watch, tap)
	if err != nil {
		return nil, err
	}
	defer w.Close()
	deployment, err := w.deploy(s)
	if err != nil {
		return nil, err
	}
	here := faults.On(deployment)
	if err := here.Runtime.Go(ctx, here.Renew); err != nil {
		return nil, err
	}
	sim := New(s, here, w.Sources())
	if err := sim.Begin(ctx); err != nil {
		return nil, err
	}
	for !sim.Over() {
		if ctx.Err() != nil {
			return sim.Result(), ErrInterrupted
		}
		if w.Elapsed() > s.Duration+drainLimit {
			return sim.Result(), errors.New("the scenario did not reach its end")
		}
		w.Run(showEvery)
		w.View.Refresh()
		if show != nil {
			st := result.State{}
			sim.Report(&st)
			show(st, w.View.View())
		}
	}
	return sim.Result(), nil
}
