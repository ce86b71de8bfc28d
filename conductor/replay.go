package main

import "github.com/spf13/cobra"

func replayCommand() *cobra.Command {
	return &cobra.Command{Use: "replay", Short: "x", RunE: func(*cobra.Command, []string) error { return nil }}
}
