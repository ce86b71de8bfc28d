package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"chordconductor/client"
	"chordconductor/conductor/history"
	"chordconductor/conductor/hub"
	"chordconductor/conductor/hub/hubpb"
	"chordconductor/conductor/ingest"
	"chordconductor/conductor/live"
	"chordconductor/conductor/sim"
	"chordconductor/conductor/sim/scenario"
	"chordconductor/conductor/web"
)

// What the parts may take to stop, one after the other: producers before the receiver, the receiver before the fold.
// Together they stay below five seconds.
const (
	labGrace    = 2500 * time.Millisecond
	ingestGrace = time.Second
	pageGrace   = 500 * time.Millisecond
)

// serve runs the conductor until ctx ends.
func serve(ctx context.Context, o options, stdout, stderr io.Writer) error {
	var first *scenario.Scenario
	if o.scenario != "none" {
		var err error
		if first, err = loadScenario(o.scenario); err != nil {
			return err
		}
	}
	c, err := start(o, slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		return err
	}
	if first != nil {
		if err := c.lab.StartSimulation(first); err != nil {
			return errors.Join(err, c.stop())
		}
	}
	c.announce(stdout, first)
	select {
	case <-ctx.Done():
	case err := <-c.broken:
		return failed(errors.Join(err, c.stop()))
	}
	return failed(c.stop())
}

// conductor is the running parts.
type conductor struct {
	options
	open   bool // on loopback: no token is asked for
	token  string
	log    *slog.Logger
	page   net.Listener
	own    *ownTelemetry
	live   *live.Live
	past   *history.History
	ingest *ingest.Server
	hub    *hub.Hub
	lab    *sim.Lab
	broken chan error // a part ended by itself; the first error stays

	parts  sync.WaitGroup
	ending [2]context.CancelFunc // of the page's side, and of the fold
}

// start starts all parts but the scenario. After an error nothing runs.
func start(o options, log *slog.Logger) (c *conductor, err error) {
	c = &conductor{options: o, log: log, broken: make(chan error, 4), token: o.token, open: onLoopback(o.http)}
	if !c.open && c.token == "" {
		c.token = newToken()
	}
	if c.page, err = net.Listen("tcp", o.http); err != nil {
		return nil, fmt.Errorf("--http %s: %w; choose another address with --http", o.http, err)
	}
	begun := c // the result is nil by the time an error returns
	defer func() {
		if err != nil {
			begun.page.Close()
			if begun.past != nil {
				err = errors.Join(err, begun.past.Close())
			}
		}
	}()
	if c.own, err = newOwnTelemetry(o); err != nil {
		return nil, err
	}
	if c.past, err = history.Open(history.Options{Dir: o.dataDir, Logf: c.logf}); err != nil {
		return nil, err
	}
	watch := sim.NewWatch()
	if c.live, err = live.New(live.Config{Recorder: recorders{watch, c.past}, Meter: c.own.meter("chordconductor/conductor/live")}); err != nil {
		return nil, err
	}
	in := o.ingest
	in.Spans = watch.Spans
	in.Logger, in.Meter = log, c.own.meter("chordconductor/conductor/ingest")
	if c.ingest, err = ingest.Start(context.Background(), in, c.live); err != nil {
		return nil, err
	}
	if err := c.assemble(watch); err != nil {
		return nil, errors.Join(err, c.ingest.Shutdown(context.Background()))
	}
	return c, nil
}

// assemble makes the parts that read the view, and sets all of them going.
func (c *conductor) assemble(watch *sim.Watch) error {
	c.lab = sim.New(sim.Config{
		View: c.live.View, Stats: c.live.Stats, Watch: watch,
		Ground: sim.Grounds{Endpoint: c.endpoint, Version: version(), Log: c.log}.New,
		Remote: sim.NewRemote(c.live.View, c.options.token, nil),
	})
	var err error
	c.hub, err = hub.New(c.live, hub.Config{
		Settings: c.settings, Simulation: c.simulation, HistoryFrom: func() time.Time { return c.past.Stats().From }, Meter: c.own.meter("chordconductor/conductor/hub"),
	})
	if err != nil {
		return err
	}
	server, err := web.New(web.Config{
		Version: version(), Source: c.live, Control: c.lab, Ingest: c.ingest.Stats, Clients: c.hub.Clients, Hub: c.hub, Assets: client.Dist(),
		Open: c.open, Token: c.token, Names: c.names(), TLS: c.options.ingest.TLS.CertFile != "",
		At: c.past.At, Logf: c.logf,
	})
	if err != nil {
		return err
	}
	page := c.page
	if page, err = withTLS(page, c.options.ingest.TLS); err != nil {
		return err
	}
	front, endFront := context.WithCancel(context.Background())
	fold, endFold := context.WithCancel(context.Background())
	c.ending = [2]context.CancelFunc{endFront, endFold}
	c.run("the ring view", func() error { return c.live.Run(fold) })
	c.run("the WebSocket hub", func() error { return c.hub.Run(front) })
	c.run("the page", func() error { return server.Serve(front, page, pageGrace) })
	return nil
}

// run runs a part and reports its end if it is an error.
func (c *conductor) run(what string, part func() error) {
	c.parts.Go(func() {
		if err := part(); err != nil {
			select {
			case c.broken <- fmt.Errorf("%s: %w", what, err):
			default: // others broke before, and theirs is the better explanation
			}
		}
	})
}

// stop ends the parts: members first, so that their last words are received.
func (c *conductor) stop() error {
	within := func(d time.Duration, f func(context.Context) error) error {
		ctx, cancel := context.WithTimeout(context.Background(), d)
		defer cancel()
		return f(ctx)
	}
	err := errors.Join(
		within(labGrace, func(ctx context.Context) error { c.lab.Close(ctx); return nil }),
		within(ingestGrace, c.own.shutdown),
		within(ingestGrace, c.ingest.Shutdown),
	)
	for _, end := range c.ending {
		end()
	}
	c.parts.Wait()
	return errors.Join(err, c.past.Close())
}

func (c *conductor) logf(format string, args ...any) { c.log.Error(fmt.Sprintf(format, args...)) }

// announce tells where everything is.
func (c *conductor) announce(w io.Writer, s *scenario.Scenario) {
	row := func(what, format string, args ...any) {
		fmt.Fprintf(w, "  %-9s"+format+"\n", append([]any{what}, args...)...)
	}
	fmt.Fprintf(w, "Chord Conductor %s\n", version())
	row("page", "%s", c.url())
	row("OTLP", "gRPC %s, HTTP %s", orOff(c.ingest.GRPCAddr()), orOff(c.ingest.HTTPAddr()))
	if c.jaegerUI != "" {
		row("Jaeger", "%s", c.jaegerUI)
	}
	if c.grafana != "" {
		row("Grafana", "%s", c.grafana)
	}
	switch {
	case s == nil:
		row("scenario", "none")
	case s.OwnRing:
		row("scenario", "%s: %d members, %g operations per second", s.Name, s.Ring.Members, s.Workload.Rate)
	default:
		row("scenario", "%s: %g operations per second on the nodes that are there", s.Name, s.Workload.Rate)
	}
	if s == nil || !s.OwnRing {
		row("nodes", "point them here with OTEL_EXPORTER_OTLP_ENDPOINT=http://%s", orOff(c.ingest.GRPCAddr()))
	}
	fmt.Fprintln(w, "Ctrl-C ends it.")
}

func orOff(address string) string {
	if address == "" {
		return "off"
	}
	return address
}

// url is the page's address. The token stands in the fragment, which browsers do not send.
func (c *conductor) url() string {
	scheme := "http"
	if c.options.ingest.TLS.CertFile != "" {
		scheme = "https"
	}
	address := c.page.Addr().String()
	if a, err := netip.ParseAddrPort(address); err == nil && a.Addr().IsUnspecified() {
		address = fmt.Sprintf("localhost:%d", a.Port())
	}
	u := scheme + "://" + address + "/"
	if !c.open {
		u += "#token=" + c.token
	}
	return u
}

// endpoint is where members of this process send their telemetry: the OTLP port, as really bound.
func (c *conductor) endpoint() sim.Endpoint {
	return endpointOf(c.ingest.GRPCAddr(), c.options.ingest)
}

// names are those by which browsers may call this server, beside localhost and IP addresses.
func (c *conductor) names() []string {
	names := make([]string, 0, len(c.allowHost)+1)
	for _, name := range c.allowHost {
		names = append(names, strings.ToLower(name))
	}
	if host, err := os.Hostname(); err == nil && !c.open {
		names = append(names, strings.ToLower(host))
	}
	return names
}

func (c *conductor) settings() *hubpb.Settings {
	return &hubpb.Settings{
		Version: version(), JaegerUrl: c.jaegerUI, GrafanaUrl: c.grafana, CanControl: true, NeedsToken: !c.open,
	}
}

// simulation tells the hub what the API tells as JSON. Nil: there has been none.
func (c *conductor) simulation() *hubpb.Simulation {
	st := c.lab.Simulation()
	if st.Scenario == "" && st.Cut == 0 {
		return nil
	}
	out := &hubpb.Simulation{
		Running: st.Running, Scenario: st.Scenario, Phase: st.Phase, ElapsedS: st.ElapsedS, DurationS: st.DurationS,
		WorkloadRate: st.Rate, WorkloadReads: st.Reads, LostKeys: uint64(st.Lost), ReportReady: st.Report, Cut: uint32(st.Cut), Error: st.Error,
	}
	for _, p := range st.Phases {
		out.Phases = append(out.Phases, &hubpb.Phase{Name: p.Name, AtS: p.AtS, ForS: p.ForS})
	}
	return out
}

// onLoopback reports whether only this machine can reach an address.
func onLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

func newToken() string {
	var b [32]byte
	rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}
