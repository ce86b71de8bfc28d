package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"chordconductor/conductor/lab/scenario"
)

func scenariosCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "scenarios [NAME]",
		Short: "List the scenarios that come with the program, or print one of them",
		Example: `  conductor scenarios                    the shipped scenarios, and what to look at
  conductor scenarios churn-demo > my.yaml   a start for one of your own`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return errors.New("scenarios: expected one name at most")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				s, err := scenario.Load(args[0])
				if err != nil {
					return err
				}
				fmt.Fprint(cmd.OutOrStdout(), s.Source)
				return nil
			}
			list(cmd.OutOrStdout())
			return nil
		},
	}
}

func list(w io.Writer) {
	for i, s := range scenario.Shipped() {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s\n%s", s.Name, wrapped(s.About, 4, 100))
	}
}

// wrapped breaks text into indented lines.
func wrapped(text string, indent, width int) string {
	var out strings.Builder
	column := 0
	for word := range strings.FieldsSeq(text) {
		switch {
		case column == 0:
			out.WriteString(strings.Repeat(" ", indent))
			column = indent
		case column+1+len(word) > width:
			out.WriteString("\n" + strings.Repeat(" ", indent))
			column = indent
		default:
			out.WriteByte(' ')
			column++
		}
		out.WriteString(word)
		column += len(word)
	}
	return out.String() + "\n"
}

// loadScenario reads a scenario file, or, by its name, a scenario that comes with the program.
func loadScenario(name string, stdin io.Reader) (*scenario.Scenario, error) {
	if name == "-" {
		source, err := io.ReadAll(io.LimitReader(stdin, scenario.MaxSource+1)) // Parse rejects longer ones
		if err != nil {
			return nil, fmt.Errorf("cannot read the scenario from standard input: %w", err)
		}
		return scenario.Parse("standard input", source)
	}
	if !strings.ContainsAny(name, `./\`) {
		if _, err := os.Stat(name); err != nil {
			return scenario.Load(name)
		}
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("cannot read the scenario: %w; `conductor scenarios` lists the shipped ones", err)
	}
	if info.Size() > scenario.MaxSource {
		return nil, fmt.Errorf("cannot read scenario %s: expected at most %[3]d bytes, got %[2]d", name, info.Size(), scenario.MaxSource)
	}
	source, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("cannot read the scenario: %w", err)
	}
	return scenario.Parse(filepath.Base(name), source)
}
