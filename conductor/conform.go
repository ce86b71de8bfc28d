package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"chordconductor/conductor/conform"
	"chordconductor/conductor/ingest"
	"chordconductor/conductor/lookups"
	"chordconductor/conductor/memory"
	"chordconductor/conductor/recording"
	"chordconductor/internal/duration"
	"chordconductor/internal/printable"
	"chordconductor/node/env/access"
	"chordconductor/otel/chordevent"
)

// conformOptions are the flags of conductor conform.
type conformOptions struct {
	levels     []string
	ring       string
	listen     time.Duration
	grpc, http string
	token      string
	insecure   bool
	json       bool
}

func conformCommand() *cobra.Command {
	var o conformOptions
	cmd := &cobra.Command{
		Use:   "conform [FILE]",
		Short: "Verify the telemetry of an emitter: what is seen, missing and wrong",
		Long: `Verify the telemetry of an emitter by docs/telemetry.md: what is seen, what is missing, what is wrong,
each with an example. FILE is a recording, made with --record or by a Collector's file exporter with
"format: proto". Without one, telemetry received on the OTLP ports is verified until --for has passed or
Ctrl-C is pressed.

The levels are:
  accepted     all records and spans keep to the vocabulary
  membership   the members of the ring: keyframes, incarnations, event numbers, clocks
  pointers     successor lists, predecessors and fingers, right at some instant, by the view's own checks
  keys         the owner of each range, loads, moves of keys
  lookups      lookups as paths of hops from the initiator to the owner
  traces       operations as connected spans

The exit code is 0 if all claimed levels pass, 1 if not, 2 if nothing could be verified.`,
		Example: `  conductor conform today.otlp
  conductor conform --for 30s --levels accepted,membership,pointers
  conductor conform today.otlp --json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return errors.New("conform: expected at most one recording")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			claims, err := o.claims()
			if err != nil {
				return err
			}
			var report *conform.Report
			if len(args) == 1 {
				report, err = o.recorded(cmd.Context(), args[0], claims)
			} else {
				report, err = o.live(cmd.Context(), claims, cmd.ErrOrStderr())
			}
			if err != nil {
				return fmt.Errorf("conform: %w", err)
			}
			return printConform(cmd.OutOrStdout(), report, o.json)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringSliceVar(&o.levels, "levels", nil, "`levels` that the emitter claims (default: all)")
	flags.StringVar(&o.ring, "ring", "", "`name` of the ring to verify (chord.ring.name; default: the first one seen)")
	flags.DurationVar(&o.listen, "for", time.Minute, "how long to receive; verifying fingers and lateness takes more than a minute")
	flags.Lookup("for").DefValue = duration.Text(time.Minute)
	flags.StringVar(&o.grpc, "otlp-grpc", "127.0.0.1:4317", "`address` for OTLP over gRPC")
	flags.StringVar(&o.http, "otlp-http", "127.0.0.1:4318", "`address` for OTLP over HTTP")
	flags.StringVar(&o.token, "otlp-token", os.Getenv("CHORD_OTLP_TOKEN"), "bearer token that senders must send (default $CHORD_OTLP_TOKEN, else none)")
	flags.Lookup("otlp-token").DefValue = "" // no secret in the help
	flags.BoolVar(&o.insecure, "otlp-insecure", false, "off loopback, accept telemetry from every sender that reaches the OTLP ports")
	flags.BoolVar(&o.json, "json", false, "print the report as JSON")
	cmd.SetFlagErrorFunc(flagError)
	return cmd
}

// claims reads --levels.
func (o *conformOptions) claims() ([]conform.Level, error) {
	if o.levels == nil {
		return conform.Levels, nil
	}
	var claims []conform.Level
	for _, text := range o.levels {
		level := conform.Level(strings.TrimSpace(text))
		if !slices.Contains(conform.Levels, level) {
			names := make([]string, len(conform.Levels))
			for i, l := range conform.Levels {
				names[i] = string(l)
			}
			return nil, fmt.Errorf("--levels: expected some of %s, got %.40q", strings.Join(names, ", "), text)
		}
		claims = append(claims, level)
	}
	return claims, nil
}

// recorded verifies a recording.
func (o *conformOptions) recorded(ctx context.Context, path string, claims []conform.Level) (*conform.Report, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	judge := conform.New(conform.Config{Source: path, Ring: o.ring, Claims: claims})
	for from, first := recording.NewReader(file), true; ; first = false {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		m, err := from.Next()
		var damage *recording.DamageError
		switch {
		case errors.Is(err, io.EOF) && first:
			return nil, fmt.Errorf("%s: the recording is empty: expected at least one OTLP request", path)
		case errors.Is(err, io.EOF):
			return judge.Report(), nil
		case errors.As(err, &damage) && !first: // the whole messages before the damage are verified
			report := judge.Report()
			report.Damage = damage.Error()
			return report, nil
		case err != nil:
			return nil, fmt.Errorf("%s: %w", path, err)
		case m.Logs != nil:
			judge.Logs(*m.Logs)
		case m.Traces != nil:
			judge.Traces(*m.Traces)
		case m.Metrics != nil:
			judge.Metrics(*m.Metrics)
		}
	}
}

// checkSenders applies the conductor's rule: off loopback senders authenticate, or are explicitly not asked to.
func (o *conformOptions) checkSenders() error {
	for _, a := range []struct{ flag, value string }{{"--otlp-grpc", o.grpc}, {"--otlp-http", o.http}} {
		if a.value == "" { // that protocol is off
			continue
		}
		if err := checkAddress(a.flag, a.value); err != nil {
			return err
		}
		switch {
		case access.OnLoopback(a.value) || o.insecure:
		case o.token == "":
			return fmt.Errorf("%s %s: off loopback senders must authenticate: set --otlp-token, or --otlp-insecure to accept telemetry from every sender", a.flag, a.value)
		default:
			if err := access.CheckStrength("--otlp-token", o.token); err != nil {
				return err
			}
		}
	}
	return nil
}

// live verifies what arrives on the ports.
func (o *conformOptions) live(ctx context.Context, claims []conform.Level, stderr io.Writer) (*conform.Report, error) {
	if o.listen <= 0 {
		return nil, fmt.Errorf("--for %s: expected a duration above 0", duration.Text(o.listen))
	}
	if err := o.checkSenders(); err != nil {
		return nil, err
	}
	budget, err := memory.Default()
	if err != nil {
		return nil, err
	}
	budget.Enforce()
	judge := conform.New(conform.Config{Ring: o.ring, Claims: claims, Now: time.Now})
	server, err := ingest.Open(ctx, ingest.Config{
		Grace: ingestGrace, GRPC: o.grpc, HTTP: o.http, Token: o.token, Memory: budget, Logs: judge.Logs, Spans: judge.Traces, Metrics: judge.Metrics,
		Logger: slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn})), // what is refused is in no report
	}, noView{})
	if err != nil {
		return nil, err
	}
	source := fmt.Sprintf("OTLP/gRPC %s, OTLP/HTTP %s", orOff(server.GRPCAddr()), orOff(server.HTTPAddr()))
	fmt.Fprintf(stderr, "Listening on %s for %s; Ctrl-C stops earlier.\n", source, duration.Text(o.listen))
	listen, cancel := context.WithTimeout(ctx, o.listen)
	defer cancel()
	err = server.Run(listen)
	report := judge.Report()
	report.Source = source
	return report, err
}

// noView is the sink of a receiver without a view: the verifier has received the requests themselves.
type noView struct{}

func (noView) Offer([]chordevent.Event, time.Time) error  { return nil }
func (noView) OfferSpans([]lookups.Span, []lookups.Point) {}
func (noView) Reject(chordevent.Reason)                   {}
func (noView) Ignore(int)                                 {}

// printConform prints a report. It returns an error if the emitter does not conform.
func printConform(w io.Writer, r *conform.Report, asJSON bool) error {
	if asJSON {
		var text strings.Builder
		out := json.NewEncoder(&text)
		out.SetEscapeHTML(false)
		out.SetIndent("", "  ")
		if err := out.Encode(r); err != nil {
			return failed(err)
		}
		if _, err := io.WriteString(w, printable.JSON(text.String())); err != nil {
			return failed(err)
		}
	} else {
		r.Text(printable.Writer(w))
	}
	if r.Passed {
		return nil
	}
	if !r.Judged() {
		of := ""
		if r.Ring != "" {
			of = fmt.Sprintf(" of ring %q", r.Ring)
		}
		return fmt.Errorf("conform: %s: no event, span or measurement%s to verify", r.Source, of)
	}
	var short []string
	for _, l := range r.Results {
		if l.Claimed && l.Verdict != conform.Passed {
			short = append(short, string(l.Level))
		}
	}
	return failed(fmt.Errorf("%s does not conform at: %s", r.Source, strings.Join(short, ", ")))
}
