package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"chordconductor/client"
	"chordconductor/conductor/audit"
	"chordconductor/conductor/eventlog"
	"chordconductor/conductor/hub"
	"chordconductor/conductor/hub/hubpb"
	"chordconductor/conductor/ingest"
	"chordconductor/conductor/lab/controller"
	"chordconductor/conductor/lab/deploy/local"
	"chordconductor/conductor/lab/deploy/remote"
	"chordconductor/conductor/lab/judge"
	"chordconductor/conductor/lab/run"
	"chordconductor/conductor/lab/scenario"
	"chordconductor/conductor/live"
	"chordconductor/conductor/memory"
	"chordconductor/conductor/recording"
	"chordconductor/conductor/replay"
	"chordconductor/conductor/ring"
	"chordconductor/conductor/web"
	"chordconductor/internal/assertion"
	"chordconductor/internal/netname"
	"chordconductor/internal/version"
	"chordconductor/node/env/access"
)

// The time limits for stopping the parts, one after the other: producers before the receiver, the receiver before the
// fold. Together they stay below five seconds.
const (
	labGrace    = 2500 * time.Millisecond
	ingestGrace = time.Second
	pageGrace   = 500 * time.Millisecond
)

// serve runs the conductor until ctx ends.
func serve(ctx context.Context, o options, stdin io.Reader, stdout, stderr io.Writer) error {
	var first *scenario.Scenario
	if o.scenario != "none" {
		var err error
		if first, err = loadScenario(o.scenario, stdin); err != nil {
			return err
		}
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	var c *conductor
	var err error
	if o.simulated() {
		c, err = startSimulated(o, first, log)
	} else {
		c, err = start(o, log)
	}
	if err != nil {
		return err
	}
	if first != nil {
		c.audit.Add(audit.Entry{Time: time.Now().UTC(), Who: "command line", From: "this machine", What: "--scenario " + o.scenario})
		if err := c.controller.StartSimulation(first); err != nil {
			return errors.Join(err, c.stop())
		}
	}
	c.printBanner(stdout, first)
	return c.until(ctx)
}

// conductor has the running parts.
type conductor struct {
	options
	*lifecycle
	open       bool // on loopback: no token is required
	token      string
	memory     *memory.Budget
	assertions *assertion.Counts // of view and history
	log        *slog.Logger
	page       net.Listener
	pageTLS    *tls.Config   // nil: the page is served in the clear
	ports      *ingest.Ports // nil in a replay and a simulated world
	own        *ownTelemetry
	live       *live.Live
	watch      *judge.Watch
	past       *eventlog.History
	audit      *audit.Log
	ingest     *ingest.Server    // nil in a replay and a simulated world
	recording  *recording.Writer // nil: nothing is recorded
	hub        *hub.Hub
	controller *controller.Controller // nil in a replay
	player     *replay.Player         // nil but in a replay
	world      *run.World             // nil: the clock is the wall clock, or the player's
}

// begin makes what every start needs, then has build add its parts. A start that fails leaves nothing behind.
func begin(o options, log *slog.Logger, build func(*conductor) error) (c *conductor, err error) {
	c = &conductor{
		options: o, lifecycle: newLifecycle(), log: log, token: o.token, open: access.OnLoopback(o.http), own: &ownTelemetry{}, watch: judge.NewWatch(),
		assertions: &assertion.Counts{Print: func(line string) { log.Error(line) }},
	}
	if !c.open && c.token == "" {
		c.token = newToken()
	}
	if c.memory, err = o.budget(); err != nil {
		return nil, err
	}
	c.enforceMemory()
	// Everything that can be rejected comes before files are made, so that a rejected start leaves none.
	if err = c.bindPage(); err == nil {
		err = build(c)
	}
	if err != nil {
		err = errors.Join(err, c.stop())
		if c.recording != nil {
			err = errors.Join(err, os.Remove(c.record)) // made by this start, and nothing was received
		}
		return nil, err
	}
	return c, nil
}

// until runs the conductor until ctx ends, or a part fails.
func (c *conductor) until(ctx context.Context) error {
	select {
	case <-ctx.Done():
	case <-c.broken.Done():
	}
	return failed(c.stop())
}

// start starts all parts but the scenario. After an error nothing runs.
func start(o options, log *slog.Logger) (*conductor, error) {
	return begin(o, log, (*conductor).receive)
}

// receive adds the parts that receive telemetry and send commands to nodes.
func (c *conductor) receive() error {
	in := c.options.ingest
	in.Logger, in.Memory = c.log, c.memory
	if c.options.secrets != nil {
		in.Secrets = c.options.secrets.AddExchanged
	}
	var err error
	if c.ports, err = ingest.Bind(context.Background(), in); err != nil {
		return err
	}
	c.closes(receiving, c.ports.Close)
	c.options.nodes.ReloadFailed = c.reloadFailed
	nodes, err := c.options.nodeAccess()
	if err != nil {
		return err
	}
	own, err := newOwnTelemetry(c.options)
	if err != nil {
		return err
	}
	c.own = own
	c.closes(producing, within(ingestGrace, c.own.shutdown))
	if err := c.openRecording(); err != nil {
		return err
	}
	if c.recording != nil {
		c.recording.Within(c.memory.Limit / recordPart)
	}
	c.watch.Within(c.memory.Watch)
	if err := c.listen(viewWithin(c.memory)); err != nil {
		return err
	}
	in.Ports, in.Names = c.ports, c.names(in.HTTP)
	in.Spans, in.Meter = c.watch.Spans, c.own.meter("chordconductor/conductor/ingest")
	if c.options.dataDir != "" {
		in.QueueDir = filepath.Join(c.options.dataDir, "queue")
	}
	if c.recording != nil {
		in.Logs, in.Metrics = c.recording.Logs, c.recording.Metrics
		in.Spans = func(td ptrace.Traces) {
			c.watch.Spans(td)
			c.recording.Traces(td)
		}
	}
	in.Grace = ingestGrace
	if c.ingest, err = ingest.Open(context.Background(), in, c.live); err != nil {
		return err
	}
	c.run(receiving, "the OTLP receiver", c.ingest.Run)
	c.controller = controller.New(controller.Config{
		Sources: run.Sources{View: c.live.View, Stats: c.live.Stats, Watch: c.watch},
		Deploy:  local.Deployer{Endpoint: c.endpoint, Version: version.Text(), Log: c.log}.New,
		Remote:  remote.New(c.live.View, c.options.token, nodes),
	})
	c.closeController()
	return c.assemble()
}

// closeController ends the ring and its simulation when the conductor ends.
func (c *conductor) closeController() {
	c.closes(producing, within(labGrace, func(ctx context.Context) error { c.controller.Close(ctx); return nil }))
}

// openRecording makes the file of --record, if it is given.
func (c *conductor) openRecording() (err error) {
	if c.record == "" {
		return nil
	}
	if c.recording, err = recording.Create(c.record); err != nil {
		return fmt.Errorf("--record: %w", err)
	}
	c.closes(receiving, func() error {
		err := c.recording.Close()
		if n := c.recording.Dropped(); n > 0 {
			c.logf("%d requests were not recorded: the disk was too slow", n)
		}
		return err
	})
	return nil
}

// bindPage binds the address of the page and the API.
func (c *conductor) bindPage() error {
	l, err := net.Listen("tcp", c.http)
	if err != nil {
		return netname.ListenError("page and API", c.http, "conductor or Collector", "--http", err)
	}
	c.page = l
	c.closes(viewing, func() error { _ = l.Close(); return nil }) // it may have been closed already, if it was served
	c.pageTLS, err = pageTLS(c.options.ingest.TLS, c.reloadFailed)
	return err
}

// listen makes the ring view and its history.
func (c *conductor) listen(view live.Config) error {
	view.Ring.Assertions = c.assertions
	if err := c.remember(view.Ring); err != nil {
		return err
	}
	view.Recorder, view.Meter, view.Log = recorders{c.watch, c.past}, c.own.meter("chordconductor/conductor/live"), c.log
	var err error
	c.live, err = live.New(view)
	return err
}

// remember opens the history and the log of commands.
func (c *conductor) remember(fold ring.Options) (err error) {
	if c.past, err = eventlog.Open(eventlog.Options{
		Dir: c.dataDir, MaxBytes: c.historyBytes(), Ring: fold, Recording: c.memory.Recording, Seeking: c.memory.Past,
		Logf: c.logf, Meter: c.own.meter("chordconductor/conductor/eventlog"),
	}); err != nil {
		return c.dirError(err)
	}
	c.closes(viewing, c.past.Close)
	var dir string
	if c.dataDir != "" {
		dir = filepath.Join(c.dataDir, "audit")
	}
	if c.audit, err = audit.Open(dir, c.logf); err != nil {
		return c.dirError(err)
	}
	c.closes(viewing, c.audit.Close)
	return nil
}

// dirError adds to an error of the history or the audit log, which names the path, the flag that set the path.
func (c *conductor) dirError(err error) error {
	if c.dataDir == "" {
		return err
	}
	return fmt.Errorf("--data-dir: %w", err)
}

// rejections lists received records that violate the vocabulary. It is empty in a replay and in a simulated world,
// which receive nothing.
func (c *conductor) rejections() []string {
	if c.ingest == nil {
		return nil
	}
	return c.ingest.Rejections()
}

// assemble makes the parts that read the view, and starts all parts.
func (c *conductor) assemble() error {
	var err error
	c.hub, err = hub.New(c.live, hub.Config{
		Settings: c.settings, Simulation: c.simulation, HistoryFrom: func() time.Time { return c.past.Stats().From },
		HistoryDamage: func() []*hubpb.HistoryDamage { return damageFrames(c.past.Damages()) },
		Rejections:    c.rejections,
		Memory:        c.memory.Clients,
		Meter:         c.own.meter("chordconductor/conductor/hub"),
	})
	if err != nil {
		return err
	}
	site := web.Config{
		Version: version.Text(), Page: c.page, Grace: pageGrace, Source: c.live, Clients: c.hub.Clients, Hub: c.hub, Assets: client.Dist(), Base: c.basePath,
		Open: c.open, Token: c.token, ViewToken: c.viewToken, Audit: c.audit, Names: c.names(c.http), TLS: c.pageTLS,
		Past: c.past, Logf: c.logf, Memory: c.memoryNow, Answers: c.memory.Answers, Conns: web.ConnsIn(c.memory.Limit),
	}
	if c.controller != nil {
		site.Control = c.controller
	}
	if c.ingest != nil {
		site.Ingest = c.ingest.Stats
	}
	if c.player != nil {
		site.Replay = c.player
	}
	if err := instrumentMemory(c.own.meter("chordconductor/conductor/memory"), c.memoryNow); err != nil {
		return fmt.Errorf("cannot create the memory metrics: %w", err)
	}
	server, err := web.New(site)
	if err != nil {
		return err
	}
	c.run(viewing, "the ring view", func(ctx context.Context) error {
		if c.world == nil {
			return c.live.Run(ctx)
		}
		c.world.Pace(ctx)
		return nil
	})
	c.run(viewing, "the WebSocket hub", c.hub.Run)
	c.run(viewing, "the page", server.Run)
	return nil
}

// within returns closer as a function without arguments that has a time limit.
func within(d time.Duration, closer func(context.Context) error) func() error {
	return func() error {
		ctx, cancel := context.WithTimeout(context.Background(), d)
		defer cancel()
		return closer(ctx)
	}
}

func (c *conductor) logf(format string, args ...any) { c.log.Error(fmt.Sprintf(format, args...)) }

// reloadFailed logs that certificate files have changed and cannot be used.
func (c *conductor) reloadFailed(err error) {
	c.logf("cannot use the changed certificates; the previous ones stay in use: %v", err)
}
