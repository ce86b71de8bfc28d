package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"go.opentelemetry.io/collector/pdata/plog"

	"chordconductor/conductor/live"
	"chordconductor/conductor/lookups"
	"chordconductor/conductor/recording"
	"chordconductor/otel/chordevent"
)

func replayCommand() *cobra.Command {
	var o options
	var speed float64
	cmd := &cobra.Command{
		Use:   "replay FILE",
		Short: "Show a recording on the page",
		Long: `Show a recording on the page: one made with --record, or by a Collector's file exporter
with "format: proto". The events come at the pace at which they were recorded, or faster or slower.
What has been played stays on the page's time line, to go back to.`,
		Example: `  conductor replay today.otlp
  conductor replay collector.otlp --speed 20`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("replay: want one recording")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if !(speed >= 0.1 && speed <= 100) {
				return fmt.Errorf("--speed %g: want 0.1 to 100", speed)
			}
			if err := o.checkPage(); err != nil {
				return err
			}
			return replay(cmd.Context(), args[0], speed, o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.Float64Var(&speed, "speed", 1, "how many recorded seconds pass in one, 0.1 to 100")
	o.pageFlags(flags)
	cmd.SetFlagErrorFunc(flagError)
	return cmd
}

// replay serves the page on a recording until ctx ends.
func replay(ctx context.Context, path string, speed float64, o options, stdout, stderr io.Writer) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	defer file.Close()
	p := &player{reader: recording.NewReader(file), speed: speed}
	if err := p.first(); err != nil {
		return fmt.Errorf("replay %s: %w", path, err)
	}
	o.dataDir = "" // the past that is shown is the recording's
	c, err := startReplay(o, p, slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "Replay of %s from %s\n  page     %s\nCtrl-C ends it.\n", path, p.begin.UTC().Format(time.RFC3339), c.url())
	played := make(chan error, 1)
	go func() { played <- p.play(ctx, c.live) }()
	for {
		select {
		case <-ctx.Done():
			<-played
			return failed(c.stop())
		case err := <-c.broken:
			return failed(errors.Join(err, c.stop()))
		case err := <-played:
			played <- nil
			if err != nil && ctx.Err() == nil {
				return failed(errors.Join(fmt.Errorf("replay %s: %w", path, err), c.stop()))
			}
			fmt.Fprintf(stdout, "The recording ends at %s.\n", p.clock().UTC().Format(time.RFC3339))
			<-ctx.Done()
		}
	}
}

// startReplay starts the parts that a replay needs: view, history, hub and page.
func startReplay(o options, p *player, log *slog.Logger) (c *conductor, err error) {
	c = &conductor{options: o, log: log, broken: make(chan error, 4), token: o.token, open: onLoopback(o.http), own: &ownTelemetry{}}
	if !c.open && c.token == "" {
		c.token = newToken()
	}
	if c.page, err = net.Listen("tcp", o.http); err != nil {
		return nil, fmt.Errorf("--http %s: %w; choose another address with --http", o.http, err)
	}
	begun := c
	defer func() {
		if err != nil {
			err = errors.Join(err, begun.abandon())
		}
	}()
	if err := c.listen(p.clock); err != nil {
		return nil, err
	}
	return c, c.assemble()
}

// A player offers a recording's events and spans to the view, each when its time has come.
type player struct {
	reader *recording.Reader
	speed  float64
	next   recording.Message
	begin  time.Time // recorded time of the first message

	mu      sync.Mutex
	started time.Time // guarded by mu; by the wall clock; zero: not yet
	latest  time.Time // guarded by mu; recorded time of the last message, at which the clock stops; zero: more to come
}

// first reads up to the first message that has a time.
func (p *player) first() error {
	for {
		m, err := p.reader.Next()
		if errors.Is(err, io.EOF) {
			return errors.New("there is no event in it")
		}
		if err != nil {
			return err
		}
		if at := timeOf(m); !at.IsZero() {
			p.next, p.begin = m, at
			return nil
		}
	}
}

// clock is the recorded time that has come. It does not go past the recording's end, where nobody falls silent.
func (p *player) clock() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.started.IsZero() {
		return p.begin
	}
	now := p.begin.Add(time.Duration(float64(time.Since(p.started)) * p.speed))
	if !p.latest.IsZero() && now.After(p.latest) {
		return p.latest
	}
	return now
}

// play offers all messages until the recording or ctx ends.
func (p *player) play(ctx context.Context, to *live.Live) error {
	p.mu.Lock()
	p.started = time.Now()
	p.mu.Unlock()
	last := p.begin
	for m := p.next; ; {
		if at := timeOf(m); at.After(last) {
			last = at
		}
		if err := p.wait(ctx, last); err != nil {
			return err
		}
		if err := p.offer(ctx, to, m); err != nil {
			return err
		}
		var err error
		if m, err = p.reader.Next(); errors.Is(err, io.EOF) {
			p.mu.Lock()
			p.latest = last
			p.mu.Unlock()
			return nil
		} else if err != nil {
			return err
		}
	}
}

// wait returns when the clock shows an instant.
func (p *player) wait(ctx context.Context, at time.Time) error {
	timer := time.NewTimer(max(0, time.Duration(float64(at.Sub(p.clock()))/p.speed)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// offer hands a message to the view. A view that is behind is waited for, as a sender would.
func (p *player) offer(ctx context.Context, to *live.Live, m recording.Message) error {
	if m.Traces != nil {
		to.OfferSpans(lookups.Decode(*m.Traces), nil)
	}
	if m.Metrics != nil {
		to.OfferSpans(nil, lookups.DecodeMetrics(*m.Metrics))
	}
	if m.Logs == nil {
		return nil
	}
	events := eventsOf(*m.Logs)
	for {
		err := to.Offer(events, p.clock())
		if !errors.Is(err, live.ErrFull) {
			return err
		}
		if err := p.wait(ctx, p.clock().Add(10*time.Millisecond)); err != nil {
			return err
		}
	}
}

// eventsOf decodes the events among log records. What is none, or malformed, was none for the receiver either.
func eventsOf(ld plog.Logs) []chordevent.Event {
	var events []chordevent.Event
	for _, rl := range ld.ResourceLogs().All() {
		source := chordevent.SourceOf(rl.Resource())
		for _, sl := range rl.ScopeLogs().All() {
			for _, record := range sl.LogRecords().All() {
				if ev, _, err := chordevent.Decode(source, record); err == nil {
					events = append(events, ev)
				}
			}
		}
	}
	return events
}

// timeOf is when a message was sent, as nearly as it says itself: its latest event, or the latest end of a span.
func timeOf(m recording.Message) (at time.Time) {
	later := func(t time.Time) {
		if t.UnixNano() > 0 && t.After(at) {
			at = t
		}
	}
	if m.Logs != nil {
		for _, rl := range m.Logs.ResourceLogs().All() {
			for _, sl := range rl.ScopeLogs().All() {
				for _, record := range sl.LogRecords().All() {
					later(record.Timestamp().AsTime())
				}
			}
		}
	}
	if m.Traces != nil {
		for _, rs := range m.Traces.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, span := range ss.Spans().All() {
					later(span.EndTimestamp().AsTime())
				}
			}
		}
	}
	return at
}
