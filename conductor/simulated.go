package main

import (
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"chordconductor/conductor/eventlog"
	"chordconductor/conductor/lab/controller"
	"chordconductor/conductor/lab/run"
	"chordconductor/conductor/lab/scenario"
	"chordconductor/conductor/live"
	"chordconductor/conductor/replay"
	"chordconductor/node/simenv"
	"chordconductor/otel/chordevent"
)

// The values of --speed beside numbers.
const (
	speedReal    = "real"
	speedVirtual = "virtual"
)

// simulated reports whether the ring runs in a simulated world, on its clock.
func (o *options) simulated() bool { return o.pace > 0 }

// checkSpeed parses --speed. It rejects flags for what a simulated world does not have: nodes, and OTLP.
func (o *options) checkSpeed(flags *pflag.FlagSet) error {
	switch o.speed {
	case speedReal:
		return nil
	case speedVirtual:
		o.pace = simenv.FlatOut
	default:
		pace, err := strconv.ParseFloat(o.speed, 64)
		if err != nil || !(pace >= replay.MinSpeed && pace <= replay.MaxSpeed) {
			return fmt.Errorf("--speed %q: expected real, virtual, or simulated seconds per second, %g to %d", o.speed, replay.MinSpeed, replay.MaxSpeed)
		}
		o.pace = pace
	}
	if o.scenario == "none" {
		return fmt.Errorf("--speed %s needs a scenario: without one there is nothing to simulate", o.speed)
	}
	outside := pflag.NewFlagSet("", pflag.ContinueOnError)
	new(options).receiverFlags(outside)
	new(options).nodeFlags(outside)
	var failed error
	flags.Visit(func(f *pflag.Flag) {
		if failed == nil && outside.Lookup(f.Name) != nil {
			failed = fmt.Errorf("--%s is for nodes outside this process; a simulated world (--speed %s) has none", f.Name, o.speed)
		}
	})
	if failed == nil && o.dataDir != "" {
		failed = fmt.Errorf("--data-dir has no effect with --speed %s: the history of a simulated world is kept in memory, since its times do not continue those of a history on disk; remove the flag", o.speed)
	}
	return failed
}

// startSimulated starts all parts but the scenario, on the clock of a simulated world. The clock stands still until the
// scenario begins, so that one seed always gives the same run.
func startSimulated(o options, s *scenario.Scenario, log *slog.Logger) (*conductor, error) {
	s.OwnRing = true
	return begin(o, log, func(c *conductor) error { return c.simulate(s) })
}

// simulate adds a simulated world, and the view of it.
func (c *conductor) simulate(s *scenario.Scenario) (err error) {
	if err := c.openRecording(); err != nil {
		return err
	}
	if c.recording != nil {
		c.recording.Patient()
	}
	view := run.ViewOf(s)
	view.Ring.Assertions = c.assertions
	if err := c.remember(view.Ring); err != nil {
		return err
	}
	view.FeedMemory, view.LookupMemory = c.memory.Feed, c.memory.Lookups // bounds of what the page reads; no measurement depends on them
	view.Recorder, view.Log = recorders{c.watch, &patientHistory{History: c.past}}, c.log
	if c.world, err = run.OpenWorld(s, view, c.watch, recordingFile{c.recording}.tap()); err != nil {
		return err
	}
	c.closes(viewing, func() error { c.world.Close(); return nil })
	c.world.SetSpeed(0)
	c.live = c.world.View
	from := c.world.Sources()
	from.Running = c.setPace
	c.controller = controller.New(controller.Config{Sources: from, Deploy: c.world.Deploy})
	c.closeController()
	return c.assemble()
}

// setPace makes time pass at the speed of --speed while a simulation runs. Afterwards the ring goes on, for commands: a
// world that ran as fast as possible continues at the speed of the wall clock.
func (c *conductor) setPace(running bool) {
	if !running && math.IsInf(c.pace, 1) {
		c.world.SetSpeed(1)
		return
	}
	c.world.SetSpeed(c.pace)
}

// clockText describes the speed.
func (c *conductor) clockText() string {
	if math.IsInf(c.pace, 1) {
		return "simulated, as fast as possible until the scenario ends"
	}
	return fmt.Sprintf("simulated, %g seconds per second", c.pace)
}

// A patientHistory waits for the history to be written, so that nothing is left out: a simulated world makes an hour of
// events in seconds, and can wait.
type patientHistory struct {
	*eventlog.History
	waiting int
}

var _ live.Recorder = (*patientHistory)(nil)

// mostWaiting is how many events may wait to be written before the world waits for the disk.
const mostWaiting = 1024

func (h *patientHistory) Append(ev *chordevent.Event, arrived time.Time) {
	h.History.Append(ev, arrived)
	if h.waiting++; h.waiting >= mostWaiting {
		h.waiting = 0
		h.Flush()
	}
}
