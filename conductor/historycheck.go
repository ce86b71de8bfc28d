package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"chordconductor/conductor/eventlog"
	"chordconductor/conductor/hub/hubpb"
	"chordconductor/conductor/memory"
	"chordconductor/internal/printable"
)

// maxDamageFrames bounds the damaged periods of the history that each frame of the page carries.
const maxDamageFrames = 100

// damageFrames converts the damage for the page: the newest periods, if there are too many.
func damageFrames(list []eventlog.Damage) []*hubpb.HistoryDamage {
	list = list[max(0, len(list)-maxDamageFrames):]
	ms := func(t time.Time) int64 {
		if t.IsZero() {
			return 0
		}
		return t.UnixMilli()
	}
	out := make([]*hubpb.HistoryDamage, len(list))
	for i, d := range list {
		out[i] = &hubpb.HistoryDamage{FromMs: ms(d.From), UntilMs: ms(d.Until)}
	}
	return out
}

func historyCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "history",
		Short: "Check the history in a data directory",
		Args:  noArguments,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(&cobra.Command{
		Use:   "check DIR",
		Short: "Read a whole history and report what cannot be read",
		Long: `Reads every file of a history (the directory given as --data-dir) and reports each segment with what
cannot be read of it. Nothing is changed, and a conductor may be running on the directory.
The exit code is 0 if all can be read, 1 if not, 2 if the directory cannot be read at all or has no history.`,
		Example: `  conductor history check ./data`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("history check: expected one directory")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			budget, err := memory.Default()
			if err != nil {
				return fmt.Errorf("cannot check the history: %w", err)
			}
			report, err := eventlog.Check(args[0], memory.NewShare("check", budget.Limit))
			if err != nil {
				return fmt.Errorf("cannot check the history: %w", err)
			}
			printCheck(printable.Writer(cmd.OutOrStdout()), report)
			if n := report.Problems(); n > 0 {
				return failed(fmt.Errorf("the history in %s is damaged in %d place(s): part of what was recorded cannot be read", args[0], n))
			}
			return nil
		},
	})
	return c
}

func printCheck(w io.Writer, r *eventlog.Report) {
	for _, c := range r.Segments {
		state := "whole"
		switch {
		case c.Broken != nil:
			state = "DAMAGED: " + c.Broken.Error()
		case c.Cut:
			state = "ends early, as after a crash"
		}
		fmt.Fprintf(w, "%s  from %s  %d events  %s\n", c.File, c.From.Format(time.RFC3339), c.Events, state)
	}
	for _, line := range r.Notes {
		fmt.Fprintln(w, line)
	}
}
