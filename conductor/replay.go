package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"chordconductor/conductor/replay"
)

func replayCommand() *cobra.Command {
	var o options
	var speed float64
	var paused bool
	cmd := &cobra.Command{
		Use:   "replay FILE",
		Short: "Show a recording on the page",
		Long: `Show a recording on the page: one made with --record, or by a Collector's file exporter
with "format: proto". The events are played at the recorded speed, or faster or slower.
More than a minute without a message is skipped, and so is a clock that only one message has.
The page can pause, change the speed, and step event by event, as can the API:
  PUT  /api/replay       {"paused": true, "speed": 10}
  POST /api/replay/step  {"events": 1}
What has been played stays on the page's time line, to go back to.`,
		Example: `  conductor replay today.otlp
  conductor replay collector.otlp --speed 20
  conductor replay today.otlp --paused         to step through it from the first event`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("replay: expected one recording")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if !(speed >= replay.MinSpeed && speed <= replay.MaxSpeed) {
				return fmt.Errorf("--speed %g: expected %g to %d", speed, replay.MinSpeed, replay.MaxSpeed)
			}
			if err := o.checkPage(); err != nil {
				return err
			}
			return showReplay(cmd.Context(), args[0], speed, paused, o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.Float64Var(&speed, "speed", 1, "recorded seconds per second, 0.1 to 100")
	flags.BoolVar(&paused, "paused", false, "pause at the first event, to continue from the page or the API")
	o.pageFlags(flags)
	cmd.SetFlagErrorFunc(flagError)
	return cmd
}

// showReplay serves the page with a replay of a recording until ctx ends.
func showReplay(ctx context.Context, path string, speed float64, paused bool, o options, stdout, stderr io.Writer) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("cannot replay: %w", err)
	}
	defer file.Close()
	p, err := replay.New(filepath.Base(path), file, speed, paused)
	if err != nil {
		return fmt.Errorf("cannot replay %s: %w", path, err)
	}
	o.dataDir = "" // the history is the recording's
	c, err := startReplay(o, p, slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "Replay of %s from %s\n  page     %s\nCtrl-C stops it.\n", path, p.State().From.UTC().Format(time.RFC3339), c.url())
	c.run(producing, "cannot replay "+path, func(ctx context.Context) error {
		if err := p.Play(ctx, c.live); ctx.Err() != nil {
			return nil
		} else if err != nil {
			return err
		}
		fmt.Fprintf(stdout, "The recording ends at %s.\n", p.Clock().UTC().Format(time.RFC3339))
		if damage := p.State().Damage; damage != "" {
			fmt.Fprintf(stderr, "conductor: replay %s: %s; the messages before that are shown\n", path, damage)
		}
		return nil
	})
	return c.until(ctx)
}

// startReplay starts the parts that a replay needs: view, history, hub and page.
func startReplay(o options, p *replay.Player, log *slog.Logger) (*conductor, error) {
	return begin(o, log, func(c *conductor) error {
		c.player = p
		c.watch.Within(c.memory.Watch)
		view := viewWithin(c.memory)
		view.Now = p.Clock
		if err := c.listen(view); err != nil {
			return err
		}
		return c.assemble()
	})
}
