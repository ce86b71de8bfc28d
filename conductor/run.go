package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"chordconductor/conductor/ingest"
	"chordconductor/conductor/lab/controller"
	"chordconductor/conductor/lab/deploy/local"
	"chordconductor/conductor/lab/judge"
	"chordconductor/conductor/lab/report"
	"chordconductor/conductor/lab/result"
	"chordconductor/conductor/lab/run"
	"chordconductor/conductor/lab/scenario"
	"chordconductor/conductor/live"
	"chordconductor/conductor/memory"
	"chordconductor/conductor/ring"
	"chordconductor/internal/duration"
	"chordconductor/internal/printable"
	"chordconductor/internal/version"
	"chordconductor/otel"
)

// errUnmet is the error of a run in which an expectation did not hold. It has no text, since the report lists the
// expectations.
var errUnmet = errors.New("")

type runOptions struct {
	html, json string
	record     string
	seed       uint64
	seeded     bool
	speed      string
	jaegerUI   string
}

func runCommand() *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run SCENARIO",
		Short: "Run a scenario without a page, and report the result",
		Long: `Run a scenario without a page, and report the result. SCENARIO is the name of a shipped scenario, a YAML
file, or - for standard input.

The exit code is 0 if every expectation was met and every phase did what it requests, 1 if not, and 2 if the
scenario could not be run.

In real time the members call each other over gRPC (or in memory, as the scenario sets) and send their telemetry
over OTLP. In virtual time the same member code runs on a simulated clock and network, and one seed always gives
the same run.`,
		Example: `  conductor run adjacent-crashes
  conductor run churn-demo --speed virtual --seed 7 --report out.html --json out.json
  conductor run churn-demo --speed virtual --record churn.otlp && conductor replay churn.otlp
  conductor run my.yaml || echo "not as expected"
  conductor scenarios first-ring | sed 's/seed: .*/seed: 9/' | conductor run - --speed virtual`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("run: expected one scenario, a name or a file; `conductor scenarios` lists the shipped ones")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := otel.CheckEnvironment(); err != nil {
				return err // the SDK reads the variables even where members in this process ignore them
			}
			warnOfVariables(cmd.ErrOrStderr())
			o.seeded = cmd.Flags().Changed("seed")
			return runScenario(cmd.Context(), args[0], o, cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&o.html, "report", "", "write the report as HTML to `file`")
	flags.StringVar(&o.json, "json", "", "write the report as JSON to `file`")
	flags.StringVar(&o.record, "record", "", "new `file` to record events, spans and, in real time, metrics in, for conductor replay or a Collector")
	flags.Uint64Var(&o.seed, "seed", 0, "`number` that determines all random choices (default: the scenario's)")
	flags.StringVar(&o.speed, "speed", speedReal, "real or virtual `time`")
	flags.StringVar(&o.jaegerUI, "jaeger-ui", "", "`URL` of Jaeger's page, for the report's links")
	cmd.SetFlagErrorFunc(flagError)
	return cmd
}

func runScenario(ctx context.Context, name string, o runOptions, stdin io.Reader, stdout, stderr io.Writer) error {
	if o.speed != speedReal && o.speed != speedVirtual {
		return fmt.Errorf("--speed %q: expected real or virtual", o.speed)
	}
	if err := checkURL("--jaeger-ui", o.jaegerUI); err != nil {
		return err
	}
	s, err := loadScenario(name, stdin)
	if err != nil {
		return err
	}
	if s.Duration == 0 {
		return fmt.Errorf("%s: a scenario without a duration never ends; add one, or run it on the page: conductor --scenario %s", name, name)
	}
	if o.seeded {
		s.Seed = o.seed
	}
	s.OwnRing = true
	if err := distinct(o.html, o.json, o.record); err != nil {
		return err
	}
	files, err := openReports(o.html, o.json)
	if err != nil {
		return err
	}
	defer files.close()
	recording, err := startRecording(o.record)
	if err != nil {
		return err
	}

	progress := &progress{w: stderr, duration: s.Duration}
	var result *result.Result
	if o.speed == speedVirtual {
		recording.patient()
		result, err = run.Virtual(ctx, s, recording.tap(), progress.show)
		err = failed(err)
	} else {
		result, err = runReal(ctx, s, recording.tap(), progress.show, stderr)
	}
	err = errors.Join(err, failed(recording.stop(func(n uint64) {
		fmt.Fprintf(stderr, "conductor: %d requests were not recorded: the disk was too slow\n", n)
	})))
	if err != nil && (result == nil || !errors.Is(err, run.ErrInterrupted)) {
		return err
	}
	reported := conclude(result, o, files, stdout) // also for an interrupted run: what was measured until then
	if err != nil && errors.Is(reported, errUnmet) {
		return err
	}
	return errors.Join(err, reported)
}

// distinct rejects one file for two purposes: one of the two contents would be lost.
func distinct(html, json, record string) error {
	switch {
	case html != "" && html == json:
		return fmt.Errorf("--report and --json name the same file: %s", html)
	case record != "" && record == html:
		return fmt.Errorf("--record and --report name the same file: %s", record)
	case record != "" && record == json:
		return fmt.Errorf("--record and --json name the same file: %s", record)
	}
	return nil
}

// runReal runs a scenario on the wall clock; the telemetry goes through a real OTLP port.
func runReal(ctx context.Context, s *scenario.Scenario, tap run.Tap, show func(result.State, *ring.View), stderr io.Writer) (*result.Result, error) {
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	budget, err := memory.Default()
	if err != nil {
		return nil, err
	}
	budget.Enforce()
	watch := judge.NewWatch()
	watch.Within(budget.Watch)
	bounds := viewWithin(budget)
	bounds.Recorder = watch
	view, err := live.New(bounds)
	if err != nil {
		return nil, err
	}
	cfg := ingest.Config{GRPC: "127.0.0.1:0", Grace: ingestGrace, Logger: log, Memory: budget, Logs: tap.Logs, Spans: tap.BeforeSpans(watch.Spans), Metrics: tap.Metrics}
	receiver, err := ingest.Open(context.Background(), cfg, view)
	if err != nil {
		return nil, err
	}
	parts := newLifecycle()
	parts.run(receiving, "the OTLP receiver", receiver.Run)
	parts.run(viewing, "the ring view", view.Run)
	control := controller.New(controller.Config{
		Sources: run.Sources{View: view.View, Stats: view.Stats, Watch: watch},
		Deploy:  local.Deployer{Endpoint: func() local.Endpoint { return endpointOf(receiver.GRPCAddr(), cfg) }, Version: version.Text(), Log: log}.New,
	})
	parts.closes(producing, within(labGrace, func(ctx context.Context) error { control.Close(ctx); return nil }))
	following, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(parts.broken, cancel)()
	err = control.StartSimulation(s)
	if err == nil {
		err = follow(following, control, view, show)
	}
	result := control.Result()
	return result, errors.Join(err, parts.stop())
}

// follow shows the progress until the simulation is over.
func follow(ctx context.Context, control *controller.Controller, view *live.Live, show func(result.State, *ring.View)) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		st := control.Simulation()
		show(st, view.View())
		if !st.Running {
			return nil
		}
		select {
		case <-ctx.Done():
			return failed(run.ErrInterrupted)
		case <-tick.C:
		}
	}
}

// conclude writes the report to all requested outputs.
func conclude(result *result.Result, o runOptions, files reportFiles, stdout io.Writer) error {
	rep := report.Of(result)
	rep.JaegerUI = o.jaegerUI
	rep.Text(printable.Writer(stdout))
	if files.html != nil {
		page, err := rep.HTML()
		if err != nil {
			return failed(fmt.Errorf("cannot render the report: %w", err))
		}
		if err := files.html.write(page); err != nil {
			return failed(err)
		}
	}
	if files.json != nil {
		text, err := rep.JSON()
		if err != nil {
			return failed(fmt.Errorf("cannot encode the report: %w", err))
		}
		if err := files.json.write(text); err != nil {
			return failed(err)
		}
	}
	if !result.Passed() {
		return failed(errUnmet)
	}
	return nil
}

// progress prints a line whenever the phase changes, and every few seconds of the scenario's time.
type progress struct {
	w        io.Writer
	duration time.Duration
	phase    string
	next     float64
}

func (p *progress) show(st result.State, v *ring.View) {
	const every = 5
	if st.Phase == p.phase && st.ElapsedS < p.next {
		return
	}
	p.phase = st.Phase
	p.next = st.ElapsedS + every
	fmt.Fprintf(p.w, "%7s of %s  %-34s members %-5d %-10s error %-6d %6.0f ops/s  lost %d\n",
		p.elapsed(st.ElapsedS), duration.Text(p.duration), strings.TrimSpace(clip(st.Phase, 34)), v.Counts.Active, v.Status, v.Error, st.Answered, st.Lost)
}

// elapsed returns the time since the start, in whole tenths of a second. It never returns more than the scenario's
// duration: the verdict takes a moment longer.
func (p *progress) elapsed(seconds float64) string {
	passed := time.Duration(math.Round(seconds * float64(time.Second)))
	if passed >= p.duration {
		return duration.Text(p.duration)
	}
	return duration.Text(passed.Truncate(100 * time.Millisecond))
}

func clip(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}
